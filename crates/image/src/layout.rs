use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::digest;
use crate::error::ImageError;
use crate::image::{Image, MANIFEST};
use crate::layer::{Layer, write_error};

/// Annotation with the name of an image in an index.
const REFERENCE: &str = "org.opencontainers.image.ref.name";
/// Media type of indexes.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an empty configuration.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// All users can read an image.
const FILE: u32 = 0o644;
const FOLDER: u32 = 0o755;

/// A folder with images, which appears when it is finished (OCI Image Layout Specification 1.1).
#[derive(Debug)]
pub struct Layout {
    folder: TempDir,
    path: PathBuf,
    manifests: Vec<Value>,
}

impl Layout {
    /// A layout that will be at `path`, where nothing may be.
    ///
    /// # Errors
    /// [`ImageError::Exists`] and [`ImageError::Write`].
    pub fn new(path: &Path) -> Result<Self, ImageError> {
        if path.symlink_metadata().is_ok() {
            return Err(ImageError::Exists(path.to_owned()));
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(write_error(parent))?;
        let folder = TempDir::with_prefix_in(".image-", parent).map_err(write_error(parent))?;
        let blobs = folder.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(write_error(&blobs))?;
        Ok(Self { folder, path: path.to_owned(), manifests: Vec::new() })
    }

    /// Temporary folder in the file system of the layout, for layers that are being written.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds an image with its name and returns the digest of its manifest.
    ///
    /// # Errors
    /// [`ImageError::Write`].
    pub fn add(&mut self, name: &str, image: Image) -> Result<String, ImageError> {
        let config = image.config().to_string();
        let manifest = image.manifest(&digest::of(config.as_bytes()), config.len());
        self.blob(config.as_bytes())?;
        let mut descriptor = self.manifest(&manifest)?;
        descriptor["platform"] =
            json!({"os": "linux", "architecture": image.settings.architecture});
        descriptor["annotations"] = json!({REFERENCE: name});
        for layer in image.layers {
            self.layer(layer)?;
        }
        let digest = descriptor["digest"].as_str().unwrap_or_default().to_owned();
        self.manifests.push(descriptor);
        Ok(digest)
    }

    /// Adds a document about an image, such as a bill of materials, which registries list as its referrer.
    ///
    /// # Errors
    /// [`ImageError::Write`].
    pub fn attach(
        &mut self,
        subject: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<(), ImageError> {
        let of = |manifest: &&Value| manifest["digest"] == subject;
        let subject = self.manifests.iter().find(of).map(|manifest| {
            let (digest, size) = (&manifest["digest"], &manifest["size"]);
            json!({"mediaType": MANIFEST, "digest": digest, "size": size})
        });
        self.blob(b"{}")?;
        self.blob(content)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": media_type,
            "config": {"mediaType": EMPTY, "digest": digest::of(b"{}"), "size": 2},
            "layers": [{
                "mediaType": media_type, "digest": digest::of(content), "size": content.len(),
            }],
            "subject": subject,
        });
        let mut descriptor = self.manifest(&manifest)?;
        descriptor["artifactType"] = media_type.into();
        self.manifests.push(descriptor);
        Ok(())
    }

    /// Ends the layout: it is at its path, or nothing is.
    ///
    /// # Errors
    /// [`ImageError::Write`].
    pub fn finish(self) -> Result<(), ImageError> {
        self.write("oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())?;
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        self.write("index.json", index.to_string().as_bytes())?;
        let Self { folder, path, .. } = self;
        allow(folder.path(), FOLDER)?;
        fs::rename(folder.path(), &path).map_err(write_error(&path))?;
        // It has another name now.
        let _ = folder.keep();
        Ok(())
    }

    /// Writes a manifest and returns its descriptor.
    fn manifest(&self, manifest: &Value) -> Result<Value, ImageError> {
        let text = manifest.to_string();
        self.blob(text.as_bytes())?;
        Ok(json!({
            "mediaType": MANIFEST, "digest": digest::of(text.as_bytes()), "size": text.len(),
        }))
    }

    fn layer(&self, layer: Layer) -> Result<(), ImageError> {
        let path = self.blob_path(&layer.digest);
        let moved = layer.file.persist(&path).map_err(|error| error.error);
        moved.map_err(write_error(&path))?;
        allow(&path, FILE)
    }

    fn blob(&self, content: &[u8]) -> Result<(), ImageError> {
        let path = self.blob_path(&digest::of(content));
        fs::write(&path, content).map_err(write_error(&path))
    }

    fn blob_path(&self, digest: &str) -> PathBuf {
        self.folder.path().join("blobs").join(digest.replace(':', "/"))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), ImageError> {
        let path = self.folder.path().join(name);
        fs::write(&path, content).map_err(write_error(&path))
    }
}

fn allow(path: &Path, mode: u32) -> Result<(), ImageError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(write_error(path))
}
