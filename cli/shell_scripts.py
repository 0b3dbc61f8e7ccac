"""`podwire completion bash|zsh|fish`: the lines by which a shell asks podwire.

No candidate is evaluated by a shell: a name of a kubeconfig may hold anything.
"""

from __future__ import annotations

import argparse

from cli.messages import write_output

BASH = r"""# bash completion of podwire: source <(podwire completion bash)
_podwire() {
    local line directive=0 current="${COMP_WORDS[COMP_CWORD]}" program="${COMP_WORDS[0]/#\~/$HOME}"
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :[0-9]*) directive="${line#:}" ;;
            ?*) printf -v line '%q' "${line%%$'\t'*}"; COMPREPLY+=("$line") ;;
        esac
    done < <(PODWIRE_COMPLETION=bash "$program" __complete "${words[@]}" 2>/dev/null)
    if ((directive & 2)); then compopt -o nospace 2>/dev/null; fi
    if ! ((directive & 4)) && ((${#COMPREPLY[@]} == 0)); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${current#=}")
    fi
}
complete -F _podwire podwire
"""
ZSH = r"""#compdef podwire
# zsh completion of podwire: source <(podwire completion zsh), after compinit
_podwire() {
    local line directive=0
    local -a names shown
    while IFS= read -r line; do
        case $line in
            :[0-9]*) directive=${line#:} ;;
            ?*) names+=("${line%%$'\t'*}"); shown+=("${line/$'\t'/  -- }") ;;
        esac
    done < <("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if (( ! (directive & 4) && ! $#names )); then
        _files
        return
    fi
    if (( directive & 2 )); then
        compadd -S '' -l -d shown -a names
    else
        compadd -l -d shown -a names
    fi
}
compdef _podwire podwire
"""
FISH = r"""# fish completion of podwire: podwire completion fish | source
function __podwire_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    set -q lines[1]; or return
    if test "$lines[-1]" = ":0" -a (count $lines) -eq 1
        __fish_complete_path "$current"
        return
    end
    string match -v -r '^:[0-9]+$' -- $lines
end
complete -c podwire -f -a '(__podwire_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def print_script(options: argparse.Namespace) -> int:
    write_output(SCRIPTS[options.shell])
    return 0
