//! What stands below the options of each command, in the help and in the man pages: examples and exit codes.
//!
//! Lives here: the words. `Examples:` and `Exit codes:` begin what becomes a section of a man page (see
//! `commands/man.rs`). Does not: what can be typed (see `cli`).

/// What a first look needs besides the commands.
pub(crate) const CTREC: &str = "\
Examples: the whole job, with the container started after the recording
  sudo ctrec record --duration 10m
  ctrec recommend --container web > seccomp.json
  docker run --security-opt seccomp=seccomp.json $(ctrec caps --container web) IMAGE

Exit codes: 0 done, 1 a check found something, 2 usage, 3 the environment cannot (permission, kernel, disk), 4 bad \
input. With -- COMMAND: the command's own code, 125 for ctrec's own failure, 126 and 127 if the command cannot be run \
or found.";

pub(crate) const RECORD: &str = "\
Examples:
  sudo ctrec record --duration 10m
  sudo ctrec record --container web --container 'cache-*'
  sudo ctrec record -- redis-server --save ''

Ctrl-C, SIGTERM or SIGHUP ends it. A command gets the signal with all that it started; a second one kills what still \
runs, as 10 seconds do. The terminal is the command's: no live line is drawn there.

Exit codes: 0 done, also when Ctrl-C ended it; 2 usage; 3 this machine cannot record; 4 the store cannot be appended \
to. With -- COMMAND: the command's own code, 128 + n after signal n, 125 for ctrec's own failure, 126 and 127 if the \
command cannot be run or found.";

/// What the text form of a list shows.
pub(crate) const LIST: &str = "\
First the containers by name and image over all runs, then run by run. CALLS are kinds of calls; NOTHING NEW is for how \
long no kind came that had not been seen; losses of a run as a whole count for each container in it. On a terminal \
tables are cut to its width; elsewhere they are as wide as they must be. Programs want --format json.

Examples:
  ctrec list
  ctrec list --container 'image=nginx:*' /var/lib/ctrec
  ctrec list --format json | jq '.runs[].ending'

Exit codes: 0 done, 3 a store may not be read, 4 bad input: a run that cannot be read is named on stderr, and the \
others are listed all the same.";

pub(crate) const RECOMMEND: &str = "\
Examples:
  ctrec recommend --container web > seccomp.json
  ctrec recommend --container 'label=app=web' --dialect oci node1.data node2.data > seccomp.json
  ctrec recommend --learn > learn.json

Exit codes: 0 done, whatever was found; 2 usage; 3 a store may not be read; 4 bad input: no such container, a damaged \
store.";

pub(crate) const CAPS: &str = "\
Examples:
  docker run $(ctrec caps --container web) nginx
  ctrec caps --container web --format text

Exit codes: 0 done, whatever was found; 2 usage; 3 a store may not be read; 4 bad input: no such container, no \
capability checks in the recording, a damaged store.";

pub(crate) const REPORT: &str = "\
Examples:
  ctrec report | less -R
  ctrec report --container web --format markdown --output web.md

Exit codes: 0 done, whatever was found; 2 usage; 3 the file cannot be written; 4 bad input: no such container, a damaged \
store.";

pub(crate) const VERIFY: &str = "\
Examples:
  ctrec verify --profile seccomp.json --container web
  ctrec verify --profile seccomp.json --container web --runtime crun

Exit codes: 0 nothing would be refused; 1 a call would be; 2 usage; 3 a file may not be read; 4 bad input: a broken \
profile, no such container, a damaged store.";

pub(crate) const RUN: &str = "\
Examples:
  sudo ctrec run --profile seccomp.json -- redis-server
  sudo ctrec run --cap-drop ALL --cap-add NET_BIND_SERVICE -- nginx -g 'daemon off;'
  ctrec run --no-new-privs --profile seccomp.json -- true

Exit codes: the command's own code, 128 + n after signal n; 125 for ctrec's own failure, 126 and 127 if the command \
cannot be run or found.";

pub(crate) const INSPECT: &str = "\
Examples:
  sudo ctrec inspect --container web
  sudo ctrec inspect --pid 4711 --format json

Exit codes: 0 done; 2 usage; 3 it takes root; 4 bad input: no such process or container.";

pub(crate) const DOCTOR: &str = "\
Each answer is ok; limited, which leaves a recording possible with less in it; missing, without which there is none; or \
not tried, which something else must be there for. It keeps nothing and starts nothing.

Examples:
  sudo ctrec doctor
  sudo ctrec doctor --format json | jq -r '.answers[] | select(.state == \"missing\") | .text'

Exit codes: 0 this machine can record; 2 usage; 3 it cannot.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  ctrec completions bash > ~/.local/share/bash-completion/completions/ctrec
  ctrec completions zsh > ~/.zfunc/_ctrec
  ctrec completions fish > ~/.config/fish/completions/ctrec.fish

Exit codes: 0 done, 2 usage, 3 it cannot be written.";

pub(crate) const MAN: &str = "\
Examples:
  ctrec man record | man -l -
  ctrec man --output ~/.local/share/man/man1

Exit codes: 0 done, 2 usage, 3 the pages cannot be written.";
