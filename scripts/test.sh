#!/bin/sh
# Runs every test there is, fast ones first, and ends with one line: N passed, N failed[, N skipped].
#
# It installs what it needs with apt, as root or with sudo. What cannot run here says SKIPPED, and fails where
# CTREC_REQUIRE is set, as .ci/run does. Exit code: 0, or 1 when anything failed.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh

# Test binaries that need root, fast ones first. All others are run as whoever runs this script.
PRIVILEGED='confined run runtimes engines'

passed=0
failed=0
skipped=0
# Everything temporary goes into one folder, so that tests that are interrupted leave nothing behind either.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/ctrec-test.XXXXXX")
chmod 1777 "$TMPDIR"
export TMPDIR
log=$TMPDIR/log

# A dockerd that is ending may still use what is there.
clean_up() {
    tries=20
    until rm -rf --one-file-system -- "$TMPDIR" 2>/dev/null || as_root rm -rf --one-file-system -- "$TMPDIR" 2>/dev/null ||
        [ "$tries" -eq 0 ]; do
        tries=$((tries - 1))
        sleep 1
    done
}
at_end clean_up

# Runs a command that is one check as a whole. The first word is what it takes.
check() {
    if [ -z "${CTREC_REQUIRE:-}" ] && ! is_there "$1"; then
        say "SKIPPED: $1 is not here"
        skipped=$((skipped + 1))
        return
    fi
    shift
    say "$*"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# Runs Rust tests and adds up their summaries. A run that fails without a failed test (it did not compile, or was
# killed) counts as one failure.
tests() {
    say "cargo test $*"
    { cargo test --release "$@" 2>&1 && echo 'ended well'; } | tee "$log"
    silent=$(grep -c 'SKIPPED ' "$log") || true # none is what is hoped for
    new_failed=$(outcomes failed)
    if [ "$new_failed" -eq 0 ] && ! grep -qx 'ended well' "$log"; then
        new_failed=1
    fi
    failed=$((failed + new_failed))
    passed=$((passed + $(outcomes passed) - silent))
    skipped=$((skipped + $(outcomes ignored) + silent))
}

# Sum of one outcome over the summaries in the log.
outcomes() {
    awk -v what="$1" '/^test result: / { for (i = 2; i <= NF; i++) if ($i ~ what) n += $(i - 1) } END { print n + 0 }' "$log"
}

# What the README says of cargo install. Nothing but ctrec is built: the libraries are those of the tests.
installed_by_cargo() {
    cargo install --quiet --locked --path . --root "$TMPDIR/installed" && "$TMPDIR/installed/bin/ctrec" --version
}

# The options that name every test binary that needs no root, in all crates.
unprivileged() {
    for file in tests/*.rs tests/*/main.rs */tests/*.rs */tests/*/main.rs; do
        name=${file%/main.rs}
        name=$(basename "$name" .rs)
        case " $PRIVILEGED * " in
            *" $name "*) ;;
            *) printf -- '--test %s ' "$name" ;;
        esac
    done
}

install_to_build
# Without these, only the tests that use them cannot run, and say so.
(install_missing runc:runc crun:crun docker.io:dockerd containerd:ctr podman:podman apparmor:apparmor_parser strace:strace bpftrace:bpftrace \
    mmdebstrap:mmdebstrap 'debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg' \
    busybox-static:busybox e2fsprogs:mkfs.ext4 util-linux:setpriv shellcheck:shellcheck \
    fish:fish zsh:zsh mandoc:mandoc man-db:man lintian:lintian) || say 'tests that need one of them are SKIPPED'
prepare_cargo
say "building in $CARGO_TARGET_DIR; the first build takes a quarter of an hour, later ones a minute"

check shellcheck shellcheck -x scripts/*.sh benches/*.sh fuzz/*.sh .ci/run
check cargo-fmt cargo fmt --all --check
tests --workspace --lib --bins
# shellcheck disable=SC2046 # a list of words
tests --workspace $(unprivileged)
tests --workspace --doc
check cargo-clippy cargo clippy --release --workspace --all-targets -- -D warnings
check cargo installed_by_cargo
check cargo scripts/fuzz.sh

say 'the rest runs as root'
set --
if [ "$(id -u)" -ne 0 ]; then
    as_root true
    set -- --config "target.$(rustc -vV | sed -n 's/^host: //p').runner = ['sudo', '-E', 'env', 'PATH=$PATH', 'TMPDIR=$TMPDIR']"
fi
for name in $PRIVILEGED; do
    tests "$@" --workspace --test "$name" -- --test-threads=1
done
check mmdebstrap scripts/test-deb.sh
# Its machines run what was built here.
case $(uname -m) in
    x86_64) check apt-get scripts/kernels.sh ;;
    *)
        say 'SKIPPED: other kernels run in machines with an x86-64 processor'
        skipped=$((skipped + 1))
        ;;
esac

if [ "$skipped" -eq 0 ]; then
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
else
    printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
fi
[ "$failed" -eq 0 ] && { [ -z "${CTREC_REQUIRE:-}" ] || [ "$skipped" -eq 0 ]; }
