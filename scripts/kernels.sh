#!/bin/sh
# Runs the tests of exact counts under other kernels: boots each of tests/kernels/matrix in a virtual machine (qemu, which
# emulates the processor: no other virtualisation is needed) that has the host's files, read-only, and cgroups v2 only.
#
# usage: scripts/kernels.sh [NAME...]      NAME of tests/kernels/matrix; all without one. Needs root, a built ctrec and
# its built tests. Kernels come from Debian's archive, and are kept. TESTS='BEGINNING...' runs other tests there, alone.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh

install_missing cpio:cpio kmod:depmod xz-utils:xz
prepare_cargo
# Which machines: scripts/arm64.sh wants others, which have files of their own.
machine=${CTREC_MACHINE:-amd64}
case $machine in
    amd64)
        install_missing qemu-system-x86:qemu-system-x86_64 busybox-static:busybox gcc:gcc
        matrix=tests/kernels/matrix kept=$CARGO_TARGET_DIR/tmp/kernels built=$CARGO_TARGET_DIR/release
        files='' busybox=$(command -v busybox) compiler=gcc
        ;;
    arm64)
        matrix=tests/kernels/arm64 kept=$CARGO_TARGET_DIR/tmp/kernels-arm64 built=$CTREC_BUILT
        files=$CTREC_FILES busybox=$CTREC_FILES/bin/busybox compiler=aarch64-linux-gnu-gcc
        ;;
esac
mkdir -p "$kept"
work=$(mktemp -d "${TMPDIR:-/tmp}/ctrec-kernels.XXXXXX")
clean_up() {
    for pidfile in "$work"/*.pid; do
        [ ! -e "$pidfile" ] || as_root kill "$(cat "$pidfile")" || : # it has ended by now
    done
    as_root rm -rf --one-file-system -- "$work"
}
at_end clean_up
# What a machine needs to see the host's files, and for tests with a disk of their own.
MODULES='virtio_pci 9pnet_virtio 9p overlay loop ext4'
# How long a machine may take until it is taken for hung, seconds.
PATIENCE=${PATIENCE:-1800}

# An apt of its own, which installs nothing: suites of other Debians, from the archive that this machine uses.
prepare_apt() {
    sum=$(sha256sum <"$matrix")
    [ "$sum" != "$(cat "$kept/matrix.sum" 2>/dev/null || :)" ] || return 0
    rm -f "$kept/apt/pkgcache.bin"
    # shellcheck disable=SC2016 # apt expands
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' >"$work/targets"
    archive=$(awk '$2 == "Debian" && $3 !~ /-/ { print $1; exit }' "$work/targets")
    security=$(awk '$2 == "Debian" && $3 ~ /-security$/ { print $1; exit }' "$work/targets")
    if [ -z "$archive" ] || [ -z "$security" ]; then
        fail 'apt knows no archive of Debian here'
    fi
    write_apt_conf "$kept" "$machine"
    each_kernel list_source | sort -u >"$kept/sources.list"
    APT_CONFIG=$kept/apt.conf as_root apt-get -q update >&2
    printf '%s\n' "$sum" >"$kept/matrix.sum"
}

# list_source NAME SUITE VERSION
list_source() {
    case $2 in
        *-security) from=$security ;;
        *) from=$archive ;;
    esac
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$from" "$2"
}

# Calls a function with the words of each wanted line of the matrix.
each_kernel() {
    grep -v '^#' "$matrix" | while read -r name suite version hooks others; do
        case " ${wanted:-$name} " in
            *" $name "*) "$1" "$name" "$suite" "$version" "$hooks" "$others" ;;
        esac
    done
}

# fetch NAME SUITE VERSION: the kernel and the modules that a machine needs to see the host's files.
fetch() {
    [ "$(cat "$kept/$1/has" 2>/dev/null)" != "$MODULES" ] || return 0
    case $3 in
        newest) begins='[0-9]' ;;
        *) begins=$(printf '%s' "$3" | sed 's/\./\\./g') ;;
    esac
    image=$(APT_CONFIG=$kept/apt.conf apt-cache search --names-only "^linux-image-${begins}[0-9.]*[-+].*$machine\$" |
        cut -d ' ' -f 1 | grep -Ev -- '-(cloud|rt)-|-(dbg|unsigned)$' | sort -V | tail -n 1)
    [ -n "$image" ] || fail "the archive has no kernel $3 in $2"
    # Newer kernels come in parts.
    parts=$(APT_CONFIG=$kept/apt.conf apt-cache depends --important "$image" |
        sed -n 's/^ *\(Pre\)\{0,1\}Depends: \(linux-\(binary\|modules\)-.*\)/\2/p')
    say "fetching $image"
    rm -rf "$kept/$1.half"
    mkdir -p "$kept/$1.half"
    # shellcheck disable=SC2086 # words
    (cd "$work" && APT_CONFIG=$kept/apt.conf apt-get -q download "$image" $parts >&2)
    for package in "$work"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" >"$work/files.tar"
        tar -t -f "$work/files.tar" >"$work/files"
        # One part may have nothing of it: awk does not mind, as grep would.
        awk '/\/(vmlinuz|modules\.)[^\/]*$/ || /\/kernel\/(drivers\/(virtio|block)|net\/9p|fs|lib|crypto|arch)\/.*[^\/]$/' \
            "$work/files" >"$work/wanted"
        tar -x -f "$work/files.tar" -C "$kept/$1.half" -T "$work/wanted"
        rm "$package" "$work/files.tar"
    done
    [ -e "$kept/$1.half/lib" ] || ln -s usr/lib "$kept/$1.half/lib"
    found=$(find "$kept/$1.half" -name 'vmlinuz*' -type f | head -n 1)
    [ -n "$found" ] || fail "there is no kernel in $image"
    cp "$found" "$kept/$1.half/vmlinuz"
    depmod -b "$kept/$1.half" "$(ls "$kept/$1.half/lib/modules")"
    printf '%s\n' "$MODULES" >"$kept/$1.half/has"
    rm -rf "${kept:?}/$1"
    mv "$kept/$1.half" "$kept/$1"
}

# pack NAME HOOKS OTHERS: the files that a machine starts with.
pack() {
    root=$work/$1
    release=$(ls "$kept/$1/lib/modules")
    mkdir -p "$root/bin" "$root/lib" "$root/proc" "$root/sys" "$root/dev" "$root/lower" "$root/upper" "$root/new"
    cp "$busybox" "$root/bin/busybox"
    for applet in sh mount insmod mkdir switch_root ip cat cp; do
        ln -s busybox "$root/bin/$applet"
    done
    cp "$work/end" "$root/end"
    cp tests/kernels/init "$root/init"
    chmod 755 "$root/init"
    printf '%s\n' "CHECKOUT=$PWD" "CTREC=$built/ctrec" "ENGINES=$engines" "HOOKS=$2" "OTHERS=$3" \
        "CTREC_REQUIRE=1" "TESTS='${TESTS:-}'" \
        >"$root/environment"
    printf '%s\n' "$PWD/tests/kernels/guest.sh" >"$root/script"
    : >"$root/modules"
    for module in $MODULES; do
        # One that is built in is none.
        modprobe -d "$kept/$1" -S "$release" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
    done | while read -r file; do
        name=$(basename "$file" .xz)
        [ ! -e "$root/lib/$name" ] || continue
        case $file in
            *.xz) xz -dc "$file" >"$root/lib/$name" ;;
            *) cp "$file" "$root/lib/$name" ;;
        esac
        printf '%s\n' "$name" >>"$root/modules"
    done
    (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/$1.cpio"
    rm -rf "$root"
}

# The emulator, with what each kind of machine needs.
emulate() {
    case $machine in
        # Without cx16: qemu's cmpxchg16b breaks kernels from 6.12 on.
        amd64) set -- qemu-system-x86_64 -M q35 -cpu max,-cx16 -device isa-debug-exit,iobase=0xf4,iosize=0x04 "$@" ;;
        # A processor that runs 32-bit programs too.
        arm64) set -- qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a57 "$@" ;;
    esac
    as_root timeout "$PATIENCE" "$@"
}

# boot NAME: 0 if the tests passed in it. The exit code of a machine that panics is 0.
boot() {
    case $machine in
        amd64) console=ttyS0 ;;
        arm64) console=ttyAMA0 ;;
    esac
    emulate -accel tcg,thread=multi -smp 2 -m 2560 \
        -nodefaults -no-user-config -display none -monitor none -serial stdio -no-reboot -pidfile "$work/$1.pid" \
        -virtfs "local,path=${files:-/},mount_tag=host,security_model=none,readonly=on,multidevs=remap" \
        -kernel "$kept/$1/vmlinuz" -initrd "$work/$1.cpio" \
        -append "console=$console quiet panic=-1 rdinit=/init mitigations=off nokaslr" </dev/null |
        sed -u 's/\r$//' >"$work/$1.log"
    # No test is no success, nor is one that could not run.
    ! grep '^SKIPPED ' "$work/$1.log" | grep -qv '^SKIPPED row ' &&
        grep -q '^test result: ok\. [1-9]' "$work/$1.log" &&
        grep -qx '@@ended 0' "$work/$1.log"
}

# prepare NAME SUITE VERSION HOOKS OTHERS
prepare() {
    fetch "$1" "$2" "$3"
    pack "$1" "$4" "$5"
}

# try NAME...: what each printed comes when it ended, so that machines that run side by side do not mix.
try() {
    if boot "$1"; then
        outcome=passed
    else
        outcome=FAILED
    fi
    {
        say "$1: $(ls "$kept/$1/lib/modules")"
        cat "$work/$1.log"
        echo "$outcome $1" | tee -a "$work/outcomes"
    } >"$work/$1.told" 2>&1
    cat "$work/$1.told"
}

# A machine does most of its work on one of its two CPUs: as many at a time as there are CPUs here. Whoever runs holds a
# line of the pipe.
try_all() {
    mkfifo "$work/places"
    exec 3<>"$work/places" # for reading too, or opening it would wait for the reader
    seq "$(nproc)" >&3
    while read -r name; do
        read -r place <&3
        {
            try "$name" </dev/null 3>&- || echo "FAILED $name" >>"$work/outcomes"
            echo "$place" >&3
        } &
    done
    wait
}

"$compiler" -O1 -static -o "$work/end" tests/kernels/end.c
engines=$(newest_engines "$built")
[ -n "$engines" ] || fail 'the tests are not built: cargo test --no-run --release --workspace --test engines'
: >"$work/outcomes"
wanted=
prepare_apt
wanted=$*
for name in "$@"; do
    grep -q "^$name " "$matrix" || fail "$matrix has no kernel $name"
done
each_kernel prepare
each_kernel echo | cut -d ' ' -f 1 | try_all
! grep -q FAILED "$work/outcomes"
