//! A profile is used where it was not made: recorded once, in one place, a server starts under it in every other, with
//! another runtime and another no_new_privs. And what `--without-exec` costs: nothing of the server, but an exec.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::process::Outcome;
use crate::profile::assert_no_set_up;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::site::{Server, Site};

const NEEDS: [&str; 5] = ["dockerd", "docker", "runc", "crun", "mmdebstrap"];

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
        self.dockerd.docker(&["rm", "--force", site.name()]);
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

    /// Records a server in one place; gives the profile that is made from it with some options.
    fn profile_from(&self, site: &Site, place: Place, options: &[&str], folder: &TempDir) -> PathBuf {
        let recorder = Recorder::start();
        let name = self.run(site, place, None).name;
        let store = recorder.stop();
        assert_eq!(Recorded::read(store.path(), &name).recording().losses, [], "nothing may be lost");
        let recommend = ["recommend", "--container", &name, text(store.path())];
        let profile = ctrec(&[&recommend, options].concat()).success();
        let file = folder.path().join("seccomp.json");
        fs::write(&file, profile).unwrap();
        assert_no_set_up(&read(&file));
        file
    }
}

fn read(profile: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(profile).unwrap()).unwrap()
}

/// One recording, one profile, and every place that it may be taken to.
fn recorded_here_runs_everywhere(test: &str, here: Place) {
    if !gate::open(test, &NEEDS) {
        return;
    }
    let ground = Ground::prepare();
    for site in Server::ALL.map(Site::new) {
        let folder = TempDir::new().unwrap();
        let profile = ground.profile_from(&site, here, &[], &folder);
        for place in EVERYWHERE {
            let exec = ground.run(&site, place, Some(&profile)).exec;
            assert!(exec.stdout.contains("uid=0"), "{} in {place:?}: {exec:?}", site.name());
        }
    }
}

#[test]
fn recorded_in_docker_it_runs_everywhere() {
    recorded_here_runs_everywhere("recorded_in_docker_it_runs_everywhere", Place::Docker { no_new_privs: false });
}

#[test]
fn recorded_with_no_new_privs_it_runs_everywhere() {
    let here = Place::Docker { no_new_privs: true };
    recorded_here_runs_everywhere("recorded_with_no_new_privs_it_runs_everywhere", here);
}

#[test]
fn recorded_in_crun_it_runs_everywhere() {
    let here = Place::Plain { runtime: Runtime::Crun, no_new_privs: true };
    recorded_here_runs_everywhere("recorded_in_crun_it_runs_everywhere", here);
}

/// A server's own start may need the same calls as an exec, so what becomes of an exec is told by the profile.
#[test]
fn without_exec_the_server_serves_all_the_same() {
    if !gate::open("without_exec_the_server_serves_all_the_same", &NEEDS) {
        return;
    }
    let ground = Ground::prepare();
    for site in Server::ALL.map(Site::new) {
        let folder = TempDir::new().unwrap();
        let here = Place::Docker { no_new_privs: false };
        let profile = ground.profile_from(&site, here, &["--without-exec"], &folder);
        for place in EVERYWHERE {
            let exec = ground.run(&site, place, Some(&profile)).exec;
            eprintln!("MEASURED {} {place:?} {exec:?}", site.name());
        }
    }
}
