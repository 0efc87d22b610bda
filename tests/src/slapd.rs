//! OpenLDAP's `slapd` on loopback, as a child in a folder of its own: never the system's service.
//!
//! Everybody may read below `ou=open`, those who signed in below `ou=closed`; passwords are for signing in alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::{Fault, Outcome, patience, ports};

/// The entry above all others.
pub const SUFFIX: &str = "dc=example,dc=org";
/// Who may sign in.
pub const READER: &str = "cn=reader,dc=example,dc=org";
/// With which password.
pub const READER_PASSWORD: &str = "correct horse battery";

/// How long it may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// The programs, which Debian keeps where only root looks.
const PROGRAMS: &str = "/usr/sbin";

/// A running slapd.
#[derive(Debug)]
pub struct Slapd {
    // The process goes before the folder its database lives in.
    process: Process,
    _folder: TempDir,
    port: u16,
}

/// With what it proves who it is: PEM.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The certificate.
    pub certificate: &'a str,
    /// Its key.
    pub key: &'a str,
}

impl Slapd {
    /// Starts one that knows these people beside its [`READER`], in LDIF, each with `objectClass: inetOrgPerson`.
    ///
    /// # Errors
    /// When there is no slapd, the entries are not right, or it does not listen in time.
    pub fn start(people: &str, proof: Option<Proof<'_>>) -> Outcome<Self> {
        let folder = TempDir::new().map_err(|e| Fault::system("make a folder", e))?;
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            let path = at(name);
            std::fs::write(&path, text)
                .map_err(|e| Fault::system(format!("write {}", path.display()), e))
        };
        std::fs::create_dir(at("db")).map_err(|e| Fault::system("make a folder", e))?;
        let mut configuration = configuration(folder.path());
        if let Some(proof) = proof {
            write("server.pem", proof.certificate)?;
            write("server.key", proof.key)?;
            let base = folder.path().display();
            configuration = format!(
                "TLSCertificateFile {base}/server.pem\nTLSCertificateKeyFile {base}/server.key\n\
                 TLSCACertificateFile {base}/server.pem\n{configuration}"
            );
        }
        write("slapd.conf", &configuration)?;
        write("people.ldif", &entries(people))?;
        fill(&at("slapd.conf"), &at("people.ldif"))?;
        let port = ports::free()?;
        let mut urls = format!("ldap://127.0.0.1:{port}");
        if proof.is_some() {
            urls.push_str(&format!(" ldaps://127.0.0.1:{}", port + 1));
        }
        let file = at("slapd.conf").display().to_string();
        let args = ["-d", "0", "-f", &file, "-h", &urls];
        let program = Path::new(PROGRAMS).join("slapd");
        let process = Process::start("slapd", &program, args, folder.path())?;
        let slapd = Self {
            process,
            _folder: folder,
            port,
        };
        patience::until_true("slapd to listen", READY_WITHIN, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(slapd)
    }

    /// Where it is: without encryption, or with StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Where it is with TLS from the first byte.
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.port + 1)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn configuration(folder: &Path) -> String {
    let base = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         pidfile {base}/slapd.pid\n\
         database mdb\n\
         suffix \"{SUFFIX}\"\n\
         directory {base}/db\n\
         maxsize 10485760\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to dn.subtree=\"ou=closed,{SUFFIX}\" by users read\n\
         access to * by * read\n"
    )
}

fn entries(people: &str) -> String {
    format!(
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: ou=open,{SUFFIX}\nobjectClass: organizationalUnit\nou: open\n\n\
         dn: ou=closed,{SUFFIX}\nobjectClass: organizationalUnit\nou: closed\n\n\
         dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n\
         userPassword: {READER_PASSWORD}\n\n{people}"
    )
}

/// Writes the entries into the database before anybody asks.
fn fill(configuration: &Path, people: &Path) -> Outcome<()> {
    let program: PathBuf = Path::new(PROGRAMS).join("slapadd");
    let done = Command::new(&program)
        .arg("-f")
        .arg(configuration)
        .arg("-l")
        .arg(people)
        .output()
        .map_err(|_| Fault::Missing {
            program: program.display().to_string(),
            looked: PROGRAMS.to_owned(),
            remedy: "run tests/run.sh, which installs what the lab needs".to_owned(),
        })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    Err(Fault::refused("slapadd", "people.ldif", said))
}
