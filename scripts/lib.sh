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

# Runs a command when the script ends, also by a signal: sh leaves its EXIT trap out then.
at_end() {
    # shellcheck disable=SC2064 # what is to be run is known now
    trap "$1" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# A word as a shell reads it back.
quoted() {
    case $1 in
        '' | *[!A-Za-z0-9_./-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
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
    apt_get update || say 'the package lists could not be renewed: trying with those that are here'
    # shellcheck disable=SC2086 # a list of words
    apt_get install -y --no-install-recommends $missing ||
        fail "apt-get could not install$missing (see above): is the network there?"
}

# Waits where another apt-get is at work.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" >&2
}

# write_apt_conf FOLDER ARCHITECTURE: an apt of its own in a folder, which installs nothing. Its archives are those of the
# folder's sources.list.
write_apt_conf() {
    mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial" "$1/none"
    : >"$1/apt/status"
    cat >"$1/apt.conf.half" <<END
Dir::State "$1/apt";
Dir::State::status "$1/apt/status";
Dir::Cache "$1/apt";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "$1/none";
Dir::Etc::preferences "$1/none/none";
Dir::Etc::preferencesparts "$1/none";
APT::Sandbox::User "root";
APT::Architecture "$2";
APT::Architectures { "$2"; };
Acquire::Languages "none";
END
    mv "$1/apt.conf.half" "$1/apt.conf"
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

# newest_engines FOLDER: the tests of engines, of those that were built there.
newest_engines() {
    find "$1/deps" -name 'engines-*' -type f -perm -u+x -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2
}

# Finds cargo, new enough, and a folder for the build that outlives the checkout. Called in the checkout.
prepare_cargo() {
    home=${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6)}
    command -v cargo >/dev/null 2>&1 || PATH="${CARGO_HOME:-$home/.cargo}/bin:$PATH"
    command -v cargo >/dev/null 2>&1 ||
        fail 'cargo is not here: get it from https://rustup.rs. If another user has it, be that user: root is asked for by sudo'
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(cargo --version | cut -d ' ' -f 2)
    printf '%s\n' "$needed" "$found" | sort -V -C || fail "cargo $found is too old: $needed or newer comes from https://rustup.rs"
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$home/.cache}/ctrec/target}
    mkdir -p "$CARGO_TARGET_DIR"
    export PATH CARGO_TARGET_DIR
}
