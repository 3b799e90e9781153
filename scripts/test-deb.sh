#!/bin/sh
# Holds the Debian package to what it promises: made twice it has the same bytes, it installs into a bare Debian, ctrec
# and its man pages work there, recordings outlive its removal, and a purge leaves nothing behind.
#
# Needs root, mmdebstrap and a built ctrec. Run by scripts/test.sh.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh
prepare_cargo

work=$(mktemp -d "${TMPDIR:-/tmp}/ctrec-test-deb.XXXXXX")
root=$work/root
clean_up() {
    as_root rm -rf --one-file-system -- "$work"
}
at_end clean_up

# A bare Debian with what the package depends on and man; made once.
cached_root() {
    archive=$CARGO_TARGET_DIR/tmp/debian-with-man.tar
    if [ ! -e "$archive" ]; then
        say 'making a bare Debian'
        mkdir -p "$CARGO_TARGET_DIR/tmp"
        as_root mmdebstrap --quiet --variant=minbase --include=man-db,libelf1,libseccomp2,zlib1g bookworm "$archive.half.tar"
        as_root mv "$archive.half.tar" "$archive"
    fi
    mkdir "$root"
    as_root tar -C "$root" --numeric-owner -xpf "$archive"
}

inside() {
    as_root env LC_ALL=C.UTF-8 MANPAGER=cat MANWIDTH=80 chroot "$root" "$@"
}

# Every file, but for the books of dpkg and apt, and the index of man, which is renewed by itself.
files() {
    as_root find "$root" -xdev \( -path "$root/var/lib/dpkg" -o -path "$root/var/log" -o -path "$root/var/cache" -o \
        -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" \) -prune -o -print | LC_ALL=C sort
}

package=$(scripts/deb.sh "$work/one")
again=$(scripts/deb.sh "$work/two")
cmp "$package" "$again" || fail 'made twice, the package differs'
if command -v lintian >/dev/null 2>&1; then
    lintian --fail-on error --allow-root "$package" || fail 'lintian found an error'
fi

cached_root
files >"$work/before"
as_root cp "$package" "$root/tmp/ctrec.deb"
inside dpkg --install /tmp/ctrec.deb
as_root rm "$root/tmp/ctrec.deb"
[ "$(inside ctrec --version)" = "ctrec $(dpkg-deb -f "$package" Version)" ] || fail 'ctrec --version says another version'
inside man ctrec-record >"$work/page"
grep -q '^EXAMPLES' "$work/page" || fail 'the man page of record has no examples'
inside man ctrec | grep -q '^EXIT STATUS' || fail 'the man page has no exit codes'
# No /proc is mounted there, so nothing can be recorded: the doctor has to say so, and not to fail otherwise.
code=0
inside ctrec doctor >"$work/answers" || code=$?
[ "$code" -eq 3 ] || fail "the doctor ended with $code, see $(cat "$work/answers")"
grep -q '^missing' "$work/answers" || fail 'the doctor misses nothing where nothing is'
[ -z "$(inside find /usr/bin/ctrec /usr/share/doc/ctrec ! -user root)" ] || fail 'a file is not of root'
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/ctrec.service" ] || fail 'the service is enabled'

inside mkdir -p /var/lib/ctrec/run=1
inside dpkg --remove ctrec
[ -d "$root/var/lib/ctrec/run=1" ] || fail 'recordings went with the package'
inside dpkg --purge ctrec
files >"$work/after"
diff "$work/before" "$work/after" || fail 'a purge left something behind'
say "$(basename "$package") installs, works and goes away again"
