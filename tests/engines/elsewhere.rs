//! A profile is used where it was not made: recorded once, in one place, a server starts under it in every other, with
//! another runtime and another `no_new_privs`. And what `--without-exec` costs: nothing of the server, but an exec.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::bundle::{Bundle, Runtime};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::process::Outcome;
use crate::profile::assert_no_set_up;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::site::{Server, Site};

/// A way to run a container.
#[derive(Debug, Clone, Copy)]
enum Place {
    Docker { no_new_privs: bool },
    Plain { runtime: Runtime, no_new_privs: bool },
}

const EVERYWHERE: [Place; 6] = [
    Place::Docker { no_new_privs: false },
    Place::Docker { no_new_privs: true },
    Place::Plain { runtime: Runtime::Runc, no_new_privs: false },
    Place::Plain { runtime: Runtime::Runc, no_new_privs: true },
    Place::Plain { runtime: Runtime::Crun, no_new_privs: false },
    Place::Plain { runtime: Runtime::Crun, no_new_privs: true },
];

/// Where servers are recorded: as most containers run, and where the runtime shows least of what it needs elsewhere.
const RECORDED: [Place; 3] = [
    Place::Docker { no_new_privs: false },
    Place::Docker { no_new_privs: true },
    Place::Plain { runtime: Runtime::Crun, no_new_privs: true },
];

/// What every place has in common.
struct Ground {
    dockerd: Dockerd,
    root: TempDir,
}

/// A container that was run to its end.
struct Ran {
    /// Its name in a recording.
    name: String,
    /// `id`, executed in it.
    exec: Outcome,
}

impl Ground {
    fn prepare() -> Self {
        let dockerd = Dockerd::start();
        dockerd.import(Image::Servers);
        Self { dockerd, root: Image::Servers.unpack() }
    }

    /// Runs a server in a place, under its load.
    fn run(&self, site: &Site, place: Place, profile: Option<&Path>) -> Ran {
        match place {
            Place::Docker { no_new_privs } => self.run_in_docker(site, no_new_privs, profile),
            Place::Plain { runtime, no_new_privs } => self.run_plain(site, runtime, no_new_privs, profile),
        }
    }

    /// With no option but those that are asked for: without a profile Docker's own filter is in force.
    fn run_in_docker(&self, site: &Site, no_new_privs: bool, profile: Option<&Path>) -> Ran {
        let seccomp = profile.map(|profile| format!("seccomp={}", text(profile)));
        let mut options = Vec::new();
        if let Some(seccomp) = &seccomp {
            options.extend(["--security-opt", seccomp]);
        }
        if no_new_privs {
            options.extend(["--security-opt", "no-new-privileges"]);
        }
        site.run_in(&self.dockerd, &options);
        site.drive();
        let exec = self.dockerd.try_docker(&["exec", site.name(), "id"]);
        site.drive();
        self.dockerd.docker(&["stop", site.name()]);
        let code = self.dockerd.docker(&["inspect", "--format", "{{.State.ExitCode}}", site.name()]);
        assert_eq!(code.trim(), "0", "docker with no_new_privs={no_new_privs}");
        self.dockerd.docker(&["rm", site.name()]);
        Ran { name: site.name().to_owned(), exec }
    }

    fn run_plain(&self, site: &Site, runtime: Runtime, no_new_privs: bool, profile: Option<&Path>) -> Ran {
        let mut bundle = Bundle::new(runtime, &site.spec(self.root.path(), no_new_privs, profile.map(read)));
        bundle.start();
        bundle.pid();
        site.drive();
        let exec = bundle.exec(&["id"]);
        site.drive();
        assert_eq!(bundle.stop().code, 0, "{} with no_new_privs={no_new_privs}", runtime.name());
        Ran { name: bundle.id().to_owned(), exec }
    }

    /// Records a server in one place.
    fn record(&self, site: &Site, here: Place) -> Recording {
        let recorder = Recorder::start();
        let name = self.run(site, here, None).name;
        let store = recorder.stop();
        assert_eq!(Recorded::read(store.path(), &name).recording().losses, [], "nothing may be lost");
        Recording { store, name }
    }
}

/// What one container did, once.
struct Recording {
    store: TempDir,
    name: String,
}

impl Recording {
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

fn read(profile: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(profile).unwrap()).unwrap()
}

/// One test, since it is the engine and the images that take long.
#[test]
fn recorded_in_one_place_a_server_starts_in_every_other() {
    let test = "recorded_in_one_place_a_server_starts_in_every_other";
    if !gate::open(test, &["dockerd", "docker", "runc", "crun", "mmdebstrap"]) {
        return;
    }
    let ground = Ground::prepare();
    for site in Server::EVERYWHERE.map(Site::new) {
        for here in RECORDED {
            assert_runs_everywhere(&ground, &site, &ground.record(&site, here));
        }
        assert_serves_without_exec(&ground, &site, &ground.record(&site, RECORDED[0]));
    }
}

fn assert_runs_everywhere(ground: &Ground, site: &Site, recording: &Recording) {
    let profile = recording.profile(&[]);
    for place in EVERYWHERE {
        let exec = ground.run(site, place, Some(profile.path())).exec;
        assert!(exec.stdout.starts_with("uid=0(root)"), "{} in {place:?}: {exec:?}", site.name());
    }
}

/// The server serves all the same. An exec gets in, since a runtime calls the same to start and to enter a container,
/// and then what it executes lacks the calls that the server does not make: id cannot ask for its groups.
fn assert_serves_without_exec(ground: &Ground, site: &Site, recording: &Recording) {
    let profile = recording.profile(&["--without-exec"]);
    for place in EVERYWHERE {
        let exec = ground.run(site, place, Some(profile.path())).exec;
        assert_eq!(exec.code, 1, "{} in {place:?}: {exec:?}", site.name());
        assert!(exec.stderr.contains("id: failed to get groups"), "{} in {place:?}: {exec:?}", site.name());
    }
}
