"""What a bundle (`make bundle`) runs first: it becomes the bundle's __main__.py.

It unpacks the packages for this Python once, into a folder that is this user's alone, under a name
made of their checksum, and starts podwire from there. An older Python must be able to read it.
"""

import os
import stat
import sys
import tempfile
import zipfile

DIGEST = "@digest@"
MACHINE = "@machine@"
PYTHONS = "@pythons@"  # minor versions, as 11 12
COMMON = "common.zip"
NO_EXEC = 8  # ST_NOEXEC of statvfs(3): no compiled module can be loaded from there


def refusal() -> str:
    """Why the bundle cannot run with this Python; '' where it can."""
    this = "%s %s.%s on %s %s" % (
        sys.implementation.name,
        sys.version_info[0],
        sys.version_info[1],
        sys.platform,
        os.uname().machine,
    )
    known = [(3, int(minor)) for minor in PYTHONS.split()]
    if (
        sys.implementation.name == "cpython"
        and sys.platform == "linux"
        and os.uname().machine == MACHINE
        and sys.version_info[:2] in known
    ):
        return ""
    return "this bundle is for CPython 3.%s to 3.%s on Linux %s; this is %s." % (
        known[0][1],
        known[-1][1],
        MACHINE,
        this,
    )


def places() -> "list[str]":
    """Folders to unpack into, the best first."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    home = os.path.expanduser("~")  # of the user database where HOME is not set
    own = "podwire-bundle-%d" % os.geteuid()
    shared = (os.environ.get("XDG_RUNTIME_DIR", ""), "/var/tmp", "/tmp", "/dev/shm")
    found = [
        os.path.join(cache, "podwire"),
        os.path.join(home, ".cache", "podwire"),
        *(os.path.join(folder, own) for folder in shared),
    ]
    return [place for place in found if os.path.isabs(place)]


def is_ours(folder: str) -> bool:
    """Whether nobody else can have put anything there."""
    found = os.lstat(folder)
    return (
        stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    )


def unpacked(place: str, python: str) -> str:
    """The packages' folder in a place, made where it is not there. OSError where it cannot be."""
    site = os.path.join(place, "%s-%s" % (DIGEST[:16], python))
    if os.path.isdir(site) and is_ours(place) and is_ours(site):
        return site
    os.makedirs(place, mode=0o700, exist_ok=True)
    if not is_ours(place):
        raise OSError("others can write there")
    if os.statvfs(place).f_flag & NO_EXEC:
        raise OSError("compiled modules cannot be loaded from there (noexec)")
    making = tempfile.mkdtemp(prefix="unpacking-", dir=place)
    try:
        with zipfile.ZipFile(sys.path[0]) as bundle:
            for name in (COMMON, python + ".zip"):
                with bundle.open(name) as part, zipfile.ZipFile(part) as files:
                    files.extractall(making)
        os.rename(making, site)
    except BaseException:
        import shutil

        shutil.rmtree(making, ignore_errors=True)
        if not os.path.isdir(site):  # else another start of it was quicker
            raise
    return site


def found(python: str) -> "tuple[str, str]":
    """The packages' folder, or '' and why there is none."""
    reasons = []
    for place in places():
        try:
            return unpacked(place, python), ""
        except OSError as error:
            reasons.append("%s: %s" % (place, error.strerror or error))
    return "", "it has nowhere to unpack its packages: %s. Set XDG_CACHE_HOME." % "; ".join(reasons)


def main() -> int:
    reason = refusal()
    if not reason:
        site, reason = found("cp3%d" % sys.version_info[1])
    if reason:
        sys.stderr.write("podwire: %s\n" % reason)
        return 2
    sys.path[0] = site
    import podwire

    return int(podwire.main())


if __name__ == "__main__":
    sys.exit(main())
