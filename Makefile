.PHONY: lab test unit lint bench oracle cores fuzz wheels docs screenshots lock bundle versions roots man clean

lab: ## set up what is missing and open the console on the lab
	@tools/setup.sh lab
	@.venv/bin/podwire lab

test: ## set up what is missing and pass the tests
	@tools/setup.sh test
	@tools/test.sh $(ARGS)

unit: ## under a minute, as any user: all but the tests on the lab, of moving screens, and slow ones
	@tools/setup.sh test
	@tools/unit.sh $(ARGS)

lint:
	@tools/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench:
	@tools/setup.sh test
	.venv/bin/python -m benchmarks $(ARGS)

oracle: ## 100,000 random verdicts beside an independent oracle
	@tools/setup.sh test
	.venv/bin/python -m tests.oracles.compare 100000

cores: ## the compiled core and the same code as Python on 20,000 captures
	@tools/setup.sh test
	PODWIRE_GENERATED_CAPTURES=$${COUNT:-20000} .venv/bin/pytest tests/collectors/test_compiled_core.py -k agree

fuzz: ## ten minutes (or so many seconds: ARGS=3600) on the core under AddressSanitizer and UBSan
	@tools/setup.sh fuzz
	@tools/fuzz.sh $(ARGS)

docs: ## the site of docs/, into build/site; fails where a page would load something from elsewhere, or nothing leads to it
	@tools/setup.sh lab
	@.venv/bin/python -c 'import material' 2>/dev/null || .venv/bin/pip install -q --no-build-isolation -e '.[docs]'
	@.venv/bin/python -m tools.site

screenshots: ## docs/images, from the recording of `podwire demo`
	@tools/setup.sh lab
	@.venv/bin/python -m tools.screenshots

bundle: ## into dist/: one file for CPython 3.11 to 3.14 (ARGS=x86-64), its checksum and SBOM
	@tools/setup.sh test
	@.venv/bin/python -m tools.bundle $(ARGS)

versions: ## `make unit` on each CPython of this machine, and on the oldest and newest dependencies
	@tools/setup.sh test
	@tools/versions.sh $(ARGS)

roots: ## each method of docs/install.md in an empty Debian or Ubuntu (ARGS="trixie noble"), as root
	@tools/roots.sh $(ARGS)

man: ## the man page, of the parser
	@tools/setup.sh lab
	.venv/bin/python -m tools.man_page > man/podwire.1

wheels: ## into dist/: Python alone, and with the compiled core for Linux on x86-64 and arm64
	@tools/setup.sh wheels
	@.venv/bin/python -m tools.wheels $(ARGS)

lock: ## pin every dependency by version and hash (needs pip-tools)
	pip-compile --allow-unsafe --generate-hashes --extra test --strip-extras --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --no-header --annotation-style line -o requirements.lock pyproject.toml

clean:
	rm -rf .venv build dist *.egg-info
