//! A profile is used where it was not made: recorded once, in one place, a server starts under it in every other, with
//! another runtime and another `no_new_privs`. And what `--without-exec` costs: nothing of the server, but an exec.

use std::fs;

use tempfile::{NamedTempFile, TempDir};

use crate::bundle::Runtime;
use crate::gate;
use crate::image::{Image, text};
use crate::places::{Ground, Limits, Place, read};
use crate::profile::assert_no_set_up;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::site::{Server, Site};

/// Where servers are recorded: as most containers run, and where the runtime shows least of what it needs elsewhere.
const RECORDED: [Place; 3] = [
    Place::Docker { no_new_privs: false },
    Place::Docker { no_new_privs: true },
    Place::Plain { runtime: Runtime::Crun, no_new_privs: true },
];

/// What one container did, once.
struct Recording {
    store: TempDir,
    name: String,
}

impl Recording {
    /// Records a server in one place.
    fn of(ground: &Ground, site: &Site, here: Place) -> Self {
        let recorder = Recorder::start();
        let name = ground.run(site, here, Limits::default()).name;
        let store = recorder.stop();
        assert_eq!(Recorded::read(store.path(), &name).recording().losses, [], "nothing may be lost");
        Self { store, name }
    }

    /// The profile that is made from it with some options.
    fn profile(&self, options: &[&str]) -> NamedTempFile {
        let words = ["recommend", "--container", &self.name, text(self.store.path())];
        let profile = ctrec(&[&words, options].concat()).success();
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), profile).unwrap();
        assert_no_set_up(&read(file.path()));
        file
    }
}

/// One test, since it is the engine and the images that take long.
#[test]
fn recorded_in_one_place_a_server_starts_in_every_other() {
    let test = "recorded_in_one_place_a_server_starts_in_every_other";
    if !gate::open(test, &["dockerd", "docker", "runc", "crun", "mmdebstrap"]) {
        return;
    }
    let ground = Ground::prepare(&[Image::Servers]);
    for site in Server::EVERYWHERE.map(Site::new) {
        for here in RECORDED {
            assert_runs_everywhere(&ground, &site, &Recording::of(&ground, &site, here));
        }
        assert_serves_without_exec(&ground, &site, &Recording::of(&ground, &site, RECORDED[0]));
    }
}

fn assert_runs_everywhere(ground: &Ground, site: &Site, recording: &Recording) {
    let profile = recording.profile(&[]);
    for place in Place::EVERYWHERE {
        let limits = Limits { profile: Some(profile.path()), capabilities: None };
        let exec = ground.run(site, place, limits).exec;
        assert!(exec.stdout.starts_with("uid=0(root)"), "{} in {place:?}: {exec:?}", site.name());
    }
}

/// The server serves all the same. An exec gets in, since a runtime calls the same to start and to enter a container,
/// and then what it executes lacks the calls that the server does not make: id cannot ask for its groups.
fn assert_serves_without_exec(ground: &Ground, site: &Site, recording: &Recording) {
    let profile = recording.profile(&["--without-exec"]);
    for place in Place::EVERYWHERE {
        let limits = Limits { profile: Some(profile.path()), capabilities: None };
        let exec = ground.run(site, place, limits).exec;
        assert_eq!(exec.code, 1, "{} in {place:?}: {exec:?}", site.name());
        assert!(exec.stderr.contains("id: failed to get groups"), "{} in {place:?}: {exec:?}", site.name());
    }
}
