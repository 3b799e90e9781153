#!/bin/sh
# Makes a Debian package of ctrec, its man pages and completions, and what is in packaging/; builds what is not built.
# The same sources and the same binary give the same bytes: all times in it are SOURCE_DATE_EPOCH, by default the last
# commit's. Where the package is goes to stdout.
#
# usage: scripts/deb.sh [FOLDER]      FOLDER, by default the current one, gets ctrec_VERSION_ARCHITECTURE.deb
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$here/scripts/lib.sh"

mkdir -p -- "${1:-.}"
target=$(CDPATH='' cd -- "${1:-.}" && pwd)
cd "$here"
# Where a plain cargo build has built already.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target}
prepare_cargo
cargo build --quiet --release || fail 'ctrec did not build; see above'
ctrec=$CARGO_TARGET_DIR/release/ctrec
install_missing dpkg-dev:dpkg-shlibdeps gzip:gzip

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
umask 022
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
work=$(mktemp -d "${TMPDIR:-/tmp}/ctrec-deb.XXXXXX")
clean_up() {
    rm -rf -- "$work"
}
at_end clean_up
root=$work/root
documents=$root/usr/share/doc/ctrec

# A licence as a field of the copyright file: indented, with a dot for an empty line.
as_field() {
    sed -e 's/^$/./' -e 's/^/ /' "$1"
}

install -D -m 755 "$ctrec" "$root/usr/bin/ctrec"
"$ctrec" man --output "$work/man"
for page in "$work"/man/*.1; do
    gzip -9n "$page"
    install -D -m 644 "$page.gz" "$root/usr/share/man/man1/$(basename "$page").gz"
done
mkdir -p "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d"
"$ctrec" completions bash >"$root/usr/share/bash-completion/completions/ctrec"
"$ctrec" completions zsh >"$root/usr/share/zsh/vendor-completions/_ctrec"
"$ctrec" completions fish >"$root/usr/share/fish/vendor_completions.d/ctrec.fish"
for unit in packaging/*.service; do
    [ ! -e "$unit" ] || install -D -m 644 "$unit" "$root/usr/lib/systemd/system/$(basename "$unit")"
done
mkdir -p "$documents"
gzip -9nc CHANGELOG.md >"$documents/CHANGELOG.md.gz"
{
    printf 'ctrec (%s) unstable; urgency=medium\n\n' "$version"
    printf '  * What is new is in CHANGELOG.md.gz beside this file.\n'
    printf '\n -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' packaging/debian/control.in)" \
        "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$documents/changelog.gz"
as_field LICENSE-MIT >"$work/expat"
as_field bpf/LICENSE-BSD-2-Clause >"$work/bsd"
sed -e "/^@EXPAT@\$/{r $work/expat" -e 'd}' -e "/^@BSD@\$/{r $work/bsd" -e 'd}' packaging/debian/copyright.in \
    >"$documents/copyright"

mkdir "$work/debian" "$root/DEBIAN"
printf 'Source: ctrec\n\nPackage: ctrec\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/ctrec" | sed -n 's/^shlibs:Depends=//p')
size=$(du -k -s --apparent-size "$root/usr" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
    packaging/debian/control.in >"$root/DEBIAN/control"
for script in postinst prerm postrm; do
    install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
package=$target/ctrec_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >&2
printf '%s\n' "$package"
