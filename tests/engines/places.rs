//! The ways to run a container, and servers in them. Lives here: places, and what every place has in common. Does not:
//! what is recorded there, or claimed of it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, capability_sets};
use crate::docker::Dockerd;
use crate::image::{Image, text};
use crate::process::Outcome;
use crate::site::Site;

/// A way to run a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Docker { no_new_privs: bool },
    Plain { runtime: Runtime, no_new_privs: bool },
}

impl Place {
    pub(crate) const EVERYWHERE: [Self; 6] = [
        Self::Docker { no_new_privs: false },
        Self::Docker { no_new_privs: true },
        Self::Plain { runtime: Runtime::Runc, no_new_privs: false },
        Self::Plain { runtime: Runtime::Runc, no_new_privs: true },
        Self::Plain { runtime: Runtime::Crun, no_new_privs: false },
        Self::Plain { runtime: Runtime::Crun, no_new_privs: true },
    ];

    /// Those whose root file system is read-only anyway.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Plain { .. })
    }
}

/// What a container is held to. What is `None` is the place's own default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits<'a> {
    /// A profile in the docker dialect, which the oci dialect's readers take too.
    pub(crate) profile: Option<&'a Path>,
    /// The only capabilities that it has, without `CAP_`.
    pub(crate) capabilities: Option<&'a [String]>,
}

/// A container that was run to its end.
pub(crate) struct Ran {
    /// Its name in a recording.
    pub(crate) name: String,
    /// `id`, executed in it.
    pub(crate) exec: Outcome,
}

/// What every place has in common: an engine, and root file systems of images.
pub(crate) struct Ground {
    dockerd: Dockerd,
    roots: Vec<(Image, TempDir)>,
}

impl Ground {
    /// Starts the engine and unpacks images.
    pub(crate) fn prepare(images: &[Image]) -> Self {
        let dockerd = Dockerd::start();
        let unpack = |image: &Image| {
            dockerd.import(*image);
            (*image, image.unpack())
        };
        let roots = images.iter().map(unpack).collect();
        Self { dockerd, roots }
    }

    pub(crate) fn dockerd(&self) -> &Dockerd {
        &self.dockerd
    }

    /// Runs a server in a place, under its load and a reload, to a clean end.
    pub(crate) fn run(&self, site: &Site, place: Place, limits: Limits<'_>) -> Ran {
        match place {
            Place::Docker { no_new_privs } => self.run_in_docker(site, no_new_privs, limits),
            Place::Plain { runtime, no_new_privs } => self.run_plain(site, runtime, no_new_privs, limits),
        }
    }

    /// With no option but those that are asked for: without a profile Docker's own filter is in force.
    fn run_in_docker(&self, site: &Site, no_new_privs: bool, limits: Limits<'_>) -> Ran {
        let mut options: Vec<String> = Vec::new();
        options.extend(limits.profile.map(|profile| format!("--security-opt=seccomp={}", text(profile))));
        options.extend(no_new_privs.then(|| "--security-opt=no-new-privileges".to_owned()));
        options.extend(limits.capabilities.map(|_| "--cap-drop=ALL".to_owned()));
        options.extend(limits.capabilities.into_iter().flatten().map(|name| format!("--cap-add={name}")));
        site.run_in(&self.dockerd, &options.iter().map(String::as_str).collect::<Vec<_>>());
        site.drive();
        site.reload_in(&self.dockerd);
        let exec = self.dockerd.try_docker(&["exec", site.name(), "id"]);
        site.drive();
        assert_eq!(site.stop(&self.dockerd), 0, "docker with no_new_privs={no_new_privs}");
        self.dockerd.docker(&["rm", site.name()]);
        Ran { name: site.name().to_owned(), exec }
    }

    fn run_plain(&self, site: &Site, runtime: Runtime, no_new_privs: bool, limits: Limits<'_>) -> Ran {
        let image = site.server().image();
        let (_, root) = self.roots.iter().find(|(of, _)| *of == image).expect("the image was asked for");
        let spec = site.spec(root.path(), no_new_privs, limits.profile.map(read));
        let mut bundle = Bundle::new(runtime, &spec);
        if let Some(capabilities) = limits.capabilities {
            let names: Vec<String> = capabilities.iter().map(|name| format!("CAP_{name}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            bundle.configure(|config| config["process"]["capabilities"] = capability_sets(&names, spec.user.0));
        }
        bundle.start();
        let first = bundle.pid();
        site.drive();
        site.reload(&first, |signal| bundle.signal(signal));
        let exec = bundle.exec(&["id"]);
        site.drive();
        assert_eq!(bundle.stop().code, 0, "{} with no_new_privs={no_new_privs}", runtime.name());
        Ran { name: bundle.id().to_owned(), exec }
    }
}

/// A profile as JSON.
pub(crate) fn read(profile: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(profile).expect("a profile can be read")).expect("a profile is JSON")
}
