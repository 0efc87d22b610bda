//! The server's data folder: which file lies where.

use std::path::{Path, PathBuf};

/// A data folder, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("carillon.db")
    }

    /// The director's key.
    pub fn director(&self) -> PathBuf {
        self.0.join("director.pem")
    }

    /// The key of the passwords at rest.
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault.key")
    }

    /// The self-made certificate.
    pub fn tls_cert(&self) -> PathBuf {
        self.0.join("tls-cert.pem")
    }

    /// Its key.
    pub fn tls_key(&self) -> PathBuf {
        self.0.join("tls-key.pem")
    }

    /// The first admin's token, for the command line.
    pub fn admin_token(&self) -> PathBuf {
        self.0.join("admin.token")
    }

    /// What `serve` does when nothing else is said.
    pub fn settings(&self) -> PathBuf {
        self.0.join("server.yaml")
    }

    /// Where the running server is found; there only while it runs.
    pub fn running(&self) -> PathBuf {
        self.0.join("running.json")
    }

    /// Held by the running server, so that there is only one.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Where the root keys go when nothing else is said: beside the folder, so that a copy of the one is not a copy
    /// of the other.
    pub fn root_keys(&self) -> PathBuf {
        let path = std::path::absolute(&self.0).unwrap_or_else(|_| self.0.clone());
        let mut name = path
            .file_name()
            .unwrap_or_else(|| "carillon".as_ref())
            .to_owned();
        name.push("-root-keys");
        path.with_file_name(name)
    }
}
