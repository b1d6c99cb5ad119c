//! Volumes as the kubelet makes them for a pod, to mount in its containers.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use yaml_rust2::Yaml;

/// The volumes of a pod, each a folder.
pub(crate) struct Volumes {
    folder: TempDir,
    /// `fsGroup` of the pod: what is in its volumes belongs to this group.
    group: Option<u32>,
    generation: u32,
}

impl Volumes {
    pub(crate) fn new(group: Option<u32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        Self { folder, group, generation: 0 }
    }

    /// The folder of a volume.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn create(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// An `emptyDir`: it belongs to root, and everybody may write to it.
    pub(crate) fn empty(&self, name: &str) {
        let path = self.create(name);
        chown(&path, Some(0), self.group).unwrap();
        set_mode(&path, if self.group.is_some() { 0o2777 } else { 0o777 });
    }

    /// A volume with files that everybody may read.
    pub(crate) fn of_files(&self, name: &str, files: &[(&str, PathBuf)]) {
        let path = self.create(name);
        set_mode(&path, 0o755);
        for (file, source) in files {
            let file = path.join(file);
            fs::copy(source, &file).unwrap();
            set_mode(&file, 0o644);
        }
    }

    /// A Secret or ConfigMap: links to files in a folder that is exchanged as a whole.
    pub(crate) fn project(&mut self, name: &str, files: &[(&str, Vec<u8>)], mode: u32) {
        let path = self.create(name);
        self.fill(&path, files, mode);
        for (file, _) in files {
            symlink(Path::new("..data").join(file), path.join(file)).unwrap();
        }
        chown(&path, Some(0), self.group).unwrap();
        set_mode(&path, 0o3777);
    }

    /// The same, after the Secret or ConfigMap has changed.
    pub(crate) fn exchange(&mut self, name: &str, files: &[(&str, Vec<u8>)], mode: u32) {
        let path = self.path(name);
        let former = fs::read_link(path.join("..data")).unwrap();
        self.fill(&path, files, mode);
        fs::remove_dir_all(path.join(former)).unwrap();
    }

    fn fill(&mut self, path: &Path, files: &[(&str, Vec<u8>)], mode: u32) {
        self.generation += 1;
        let folder = path.join(format!("..2026_01_01_00_00_00.{}", self.generation));
        fs::create_dir(&folder).unwrap();
        for (name, content) in files {
            let file = folder.join(name);
            fs::write(&file, content).unwrap();
            chown(&file, Some(0), self.group).unwrap();
            // With an `fsGroup`, its members can read what the owner can.
            set_mode(&file, if self.group.is_some() { mode | 0o440 } else { mode });
        }
        chown(&folder, Some(0), self.group).unwrap();
        set_mode(&folder, 0o2755);
        let link = path.join("..data_tmp");
        symlink(folder.file_name().unwrap(), &link).unwrap();
        fs::rename(link, path.join("..data")).unwrap();
    }

    /// The mounts of a container, as `runc` wants them.
    pub(crate) fn mounts(&self, container: &Yaml) -> Vec<Value> {
        let mounts = container["volumeMounts"].as_vec().unwrap().iter();
        let mount = |mount: &Yaml| {
            let is_read_only = mount["readOnly"].as_bool() == Some(true);
            self.mount(
                mount["name"].as_str().unwrap(),
                mount["mountPath"].as_str().unwrap(),
                is_read_only,
            )
        };
        mounts.map(mount).collect()
    }

    /// One mount.
    pub(crate) fn mount(&self, name: &str, at: &str, is_read_only: bool) -> Value {
        let access = if is_read_only { "ro" } else { "rw" };
        json!({"destination": at, "type": "bind", "source": self.path(name),
            "options": ["rbind", access, "nosuid", "nodev"]})
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The arguments of a container.
pub(crate) fn arguments(container: &Yaml) -> Vec<String> {
    let arguments = container["args"].as_vec().unwrap().iter();
    arguments.map(|argument| argument.as_str().unwrap().to_owned()).collect()
}
