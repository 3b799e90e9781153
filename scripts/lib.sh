# Shared by the scripts of this folder, which source it. Plain POSIX sh.
# shellcheck shell=sh
#
# Lives here: progress lines, installing what is missing, and where the build goes. Not: anything that tests or records.

# Where the engines are, and chroot: not on every user's path.
PATH=$PATH:/usr/sbin:/sbin
export PATH

# A progress line, on stderr so that data can be piped.
say() {
    printf '==> %s\n' "$*" >&2
}

# Ends the script with a reason.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 3
}

# Runs a command as root. The user's PATH goes along: cargo and its tools may be nowhere else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -E env "PATH=$PATH" "$@"
    else
        fail "this needs root: run it as root, or install sudo"
    fi
}

# Installs what is missing. Each argument is PACKAGE:PROOF, where the proof is a command that the package brings, or,
# with a slash, a file. Asking for proofs rather than packages leaves a runc or dockerd from elsewhere alone.
install_missing() {
    missing=
    for pair in "$@"; do
        is_there "${pair#*:}" || missing="$missing ${pair%%:*}"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "apt-get is not here: install by hand what brings$missing"
    say "installing$missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
}

# Whether a proof is there: a command on the path, or a file by its pattern.
is_there() {
    case $1 in
        */*)
            # shellcheck disable=SC2086 # a pattern to be expanded
            set -- $1
            [ -e "$1" ]
            ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# What it takes to build.
install_to_build() {
    install_missing clang:clang gcc:gcc make:make pkg-config:pkg-config \
        'libelf-dev:/usr/include/libelf.h' 'zlib1g-dev:/usr/include/zlib.h' 'libseccomp-dev:/usr/include/seccomp.h' \
        'libc6-dev:/usr/include/stdio.h'
}

# Finds cargo, and a folder for the build that outlives the checkout.
prepare_cargo() {
    command -v cargo >/dev/null 2>&1 || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    command -v cargo >/dev/null 2>&1 || fail "cargo is not here: get it from https://rustup.rs"
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ctrec/target}
    mkdir -p "$CARGO_TARGET_DIR"
    export PATH CARGO_TARGET_DIR
}
