#!/bin/sh
# Builds ctrec for arm64 on a machine with another processor, and runs the tests of exact counts there: under each kernel
# of tests/kernels/arm64, in an emulated machine. The build takes as long as any first one.
#
# usage: scripts/arm64.sh [NAME...]      NAME of tests/kernels/arm64; all without one. Needs root (or sudo), rustup and
# Debian: its archive has the compilers, the libraries to link against and what the machines start with, all of it kept.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh

install_to_build
install_missing gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc qemu-system-arm:qemu-system-aarch64 \
    'libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/include/stdio.h'
prepare_cargo
target=aarch64-unknown-linux-gnu
built=$CARGO_TARGET_DIR/$target/release
kept=$CARGO_TARGET_DIR/tmp/arm64
files=$kept/files
# Debian for arm64: what is linked against, and what the tests run.
packages='busybox-static coreutils dash gcc gcc-arm-linux-gnueabi libc6-dev libelf-dev libseccomp-dev util-linux zlib1g-dev'

# The files of a machine. Unpacked, not installed: nothing of them can run here.
fetch_files() {
    [ "$packages" != "$(cat "$kept/fetched" 2>/dev/null || :)" ] || return 0
    rm -rf "$kept"
    write_apt_conf "$kept" arm64
    # shellcheck disable=SC2016 # apt expands
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 !~ /-(backports|updates)/ {
            print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $1 " " $3 " main"
        }' | sort -u >"$kept/sources.list"
    [ -s "$kept/sources.list" ] || fail 'apt knows no archive of Debian here'
    APT_CONFIG=$kept/apt.conf as_root apt-get -q update >&2
    say "fetching $packages for arm64"
    # shellcheck disable=SC2086 # words
    APT_CONFIG=$kept/apt.conf as_root apt-get -qq -y --no-install-recommends --download-only install $packages >&2
    for package in "$kept"/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$files"
    done
    rm -rf "$kept/apt"
    printf '%s\n' "$packages" >"$kept/fetched"
}

# Only what runs in the machines: tests that need more than them come to nothing there.
build() {
    rustup target add "$target" >&2
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    # By themselves: beside them lies a libc.so that names its parts by where the machine has them.
    libraries=$kept/libraries
    mkdir -p "$libraries"
    for library in libelf.so libseccomp.so libz.a; do
        ln -sf "$files/usr/lib/aarch64-linux-gnu/$library" "$libraries"
    done
    export LIBBPF_SYS_LIBRARY_PATH_aarch64_unknown_linux_gnu="$libraries" LIBSECCOMP_LIB_PATH="$libraries"
    # Headers of libelf and zlib; behind a compiler's own.
    export LIBBPF_SYS_EXTRA_CFLAGS="-idirafter $files/usr/include"
    cargo test --no-run --release --workspace --target "$target" --bins --test engines
}

# What the tests take from the checkout and from the build, where they look for it.
copy_in() {
    mkdir -p "$files$PWD/tests" "$files$built/deps" "$files$CARGO_TARGET_DIR/$target/tmp"
    for folder in dev proc sys tmp run root mnt etc; do
        mkdir -p "$files/$folder"
    done
    rm -rf "$files$PWD/tests" "$files$built/deps"/engines-*
    mkdir -p "$files$PWD/tests"
    cp -r tests/programs tests/kernels "$files$PWD/tests"
    cp "$built/ctrec" "$files$built"
    cp "$(newest_engines "$built")" "$files$built/deps"
}

command -v rustup >/dev/null 2>&1 || fail 'rustup is not here: it brings what cargo needs for another processor'
fetch_files
build
copy_in
export CTREC_MACHINE=arm64 CTREC_FILES="$files" CTREC_BUILT="$built"
scripts/kernels.sh "$@"
