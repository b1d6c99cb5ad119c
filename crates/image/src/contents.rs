//! What is in an image of Pilotlight, and how it runs.

use std::path::{Path, PathBuf};

use pilotlight_image::{Image, Layer, LayerBuilder, Owner, Settings};

use super::{Arguments, libraries};

/// Media type of a bill of materials.
pub(super) const SBOM: &str = "application/vnd.cyclonedx+json";
/// The user that images without users of their own commonly have: `nonroot`.
const USER: Owner = Owner(65_532);
const PROGRAM: &str = "usr/bin/pilotlight";
const MODELS: &str = "models";
/// Only root can write to the folder above it, which the program requires of a cache.
const CACHE: &str = "var/cache/pilotlight";
const PASSWD: &str =
    "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
/// Ports of the functions and of the administration API.
const PORTS: [u16; 2] = [3000, 3001];

pub(super) struct Contents<'a> {
    arguments: &'a Arguments,
    libraries: Vec<PathBuf>,
}

impl<'a> Contents<'a> {
    pub(super) fn of(arguments: &'a Arguments) -> anyhow::Result<Self> {
        Ok(Self { arguments, libraries: libraries::of(&arguments.program)? })
    }

    /// Layers from what changes least to what changes most; they grow in `folder`.
    pub(super) fn image(&self, folder: &Path) -> anyhow::Result<Image> {
        let Arguments { component, cache, .. } = self.arguments;
        let mut layers = vec![self.system(folder)?, self.program(folder)?];
        if let Some(component) = component {
            layers.push(self.model(folder, component)?);
        }
        if let Some(cache) = cache {
            let mut layer = LayerBuilder::new(folder, "machine code of the model")?;
            layer.tree(CACHE, cache, USER)?;
            layers.push(layer.finish()?);
        }
        Ok(Image { layers, settings: self.settings() })
    }

    /// Users, and the libraries that the program is linked with.
    fn system(&self, folder: &Path) -> anyhow::Result<Layer> {
        let mut layer = LayerBuilder::new(folder, "users and libraries")?;
        layer.bytes("etc/group", GROUP.as_bytes(), (0o644, Owner::ROOT))?;
        layer.bytes("etc/passwd", PASSWD.as_bytes(), (0o644, Owner::ROOT))?;
        for library in &self.libraries {
            let path = library.display().to_string();
            layer.file(path.trim_start_matches('/'), library, (0o755, Owner::ROOT))?;
        }
        layer.folder("tmp", 0o1777, Owner::ROOT)?;
        // Only of the user, as a folder for a cache has to be.
        layer.folder(CACHE, 0o700, USER)?;
        Ok(layer.finish()?)
    }

    fn program(&self, folder: &Path) -> anyhow::Result<Layer> {
        let mut layer = LayerBuilder::new(folder, "program")?;
        layer.file(PROGRAM, &self.arguments.program, (0o755, Owner::ROOT))?;
        if let Some(license) = &self.arguments.license {
            layer.file("usr/share/doc/pilotlight/LICENSE", license, (0o644, Owner::ROOT))?;
        }
        Ok(layer.finish()?)
    }

    fn model(&self, folder: &Path, component: &Path) -> anyhow::Result<Layer> {
        let mut layer = LayerBuilder::new(folder, "model")?;
        layer.file(&self.component_path(component), component, (0o644, Owner::ROOT))?;
        Ok(layer.finish()?)
    }

    /// The component keeps its file name.
    fn component_path(&self, component: &Path) -> String {
        let name = component.file_name().unwrap_or_default().to_string_lossy();
        format!("{MODELS}/{name}")
    }

    fn settings(&self) -> Settings {
        let Arguments { component, architecture, image_version, revision, .. } = self.arguments;
        let listeners = PORTS.map(|port| format!("0.0.0.0:{port}"));
        let serve = component.as_ref().map(|component| {
            let [functions, administration] = listeners;
            vec![
                "serve".to_owned(),
                format!("/{}", self.component_path(component)),
                format!("--listen={functions}"),
                format!("--admin-listen={administration}"),
            ]
        });
        let label = |name: &str, value: &str| {
            (format!("org.opencontainers.image.{name}"), value.to_owned())
        };
        let mut labels = vec![
            label("title", "pilotlight"),
            label("description", "Serves inference functions, each request in its own sandbox"),
            label("licenses", env!("CARGO_PKG_LICENSE")),
            label("version", image_version),
        ];
        labels.extend(revision.as_ref().map(|revision| label("revision", revision)));
        Settings {
            architecture: architecture.clone(),
            user: format!("{0}:{0}", USER.0),
            entrypoint: vec![format!("/{PROGRAM}")],
            arguments: serve.unwrap_or_else(|| vec!["--help".to_owned()]),
            environment: vec![format!("PILOTLIGHT_CACHE_DIR=/{CACHE}")],
            ports: PORTS.to_vec(),
            labels,
        }
    }
}
