//! The data directory, what is in it, and the disk it is on.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::cli::doctor::{Finding, Level};
use crate::cli::output::size;
use crate::config::Settings;
use crate::config::database::DatabaseUrl;
use crate::config::keys::MasterKeyPlace;
use crate::daemon::services;
use crate::store::error::OpenError;
use crate::store::inspect::{Inspection, inspect};
use crate::telemetry::chain::chain;

/// Below this the service says that it is not ready.
const LEAST_BYTES: u64 = 100 << 20;

/// Below this a busy day may fill the disk.
const FEW_BYTES: u64 = 1 << 30;

/// SQLite needs a handful of files; below this something is filling the disk with small ones.
const LEAST_INODES: u64 = 1_000;

/// Looks at it.
pub(super) async fn look(settings: &Settings, runs: bool) -> Vec<Finding> {
    let dir = settings.server.data_dir.as_path();
    let mut findings = Vec::new();
    if dir.is_dir() {
        findings.push(modes(dir));
        findings.push(writable(dir));
        findings.extend(disk(dir));
        if matches!(settings.database.url, DatabaseUrl::Sqlite { .. }) {
            findings.push(file_system(dir));
        }
    } else {
        findings.push(missing(dir));
    }
    let (database, is_new) = database(settings).await;
    findings.push(database);
    findings.push(master_key(settings, is_new, runs).await);
    findings
}

fn missing(dir: &Path) -> Finding {
    let parent = dir.ancestors().skip(1).find(|it| it.is_dir());
    let shown = dir.display();
    match parent.map(probe_write) {
        Some(Ok(())) => {
            Finding::ok("data-dir", format!("{shown} is not there yet; the first start makes it"))
        }
        Some(Err(cause)) => {
            let fix = format!("mkdir -m 0700 -p {shown}, and give it to the service's user");
            Finding::fail("data-dir", format!("{shown} is not there and cannot be made: {cause}"), fix)
        }
        None => {
            Finding::fail("data-dir", format!("{shown} is not there"), format!("mkdir -m 0700 -p {shown}"))
        }
    }
}

fn modes(dir: &Path) -> Finding {
    let open = |path: &Path| {
        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then(|| format!("{} (mode {mode:04o})", path.display()))
    };
    let secret = ["caspervpn.db", "caspervpn.db-wal", "master.key"];
    let exposed: Vec<String> = std::iter::once(dir.to_owned())
        .chain(secret.iter().map(|name| dir.join(name)))
        .filter_map(|it| open(&it))
        .collect();
    if exposed.is_empty() {
        return Finding::ok("data-dir", format!("{} is for its owner only", dir.display()));
    }
    let what = format!("others may read {}", exposed.join(", "));
    Finding::fail(
        "data-dir",
        what,
        format!("chmod 0700 {0}; chmod 0600 {0}/caspervpn.db* {0}/master.key", dir.display()),
    )
}

fn writable(dir: &Path) -> Finding {
    match probe_write(dir) {
        Ok(()) => Finding::ok("data-dir", format!("{} can be written", dir.display())),
        Err(cause) => {
            let fix = "check the owner with `ls -ld`, and the mount with `findmnt -T`; ReadWritePaths= in a unit of your own";
            Finding::fail("data-dir", format!("{} cannot be written: {cause}", dir.display()), fix)
        }
    }
}

/// Writes a file and takes it away again: permissions, mounts and full disks all speak the same way.
fn probe_write(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!(".doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(path)
}

fn disk(dir: &Path) -> Vec<Finding> {
    let found = match rustix::fs::statvfs(dir) {
        Ok(found) => found,
        Err(cause) => {
            return vec![Finding::warn(
                "disk",
                format!("the disk does not tell its room: {cause}"),
                "see `df`",
            )];
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let shown = format!("{} free for {}", size(free), dir.display());
    let fix = "free space, or move server.data_dir to a larger disk";
    let mut findings = vec![match free {
        0..LEAST_BYTES => Finding::fail("disk", format!("only {shown}"), fix),
        LEAST_BYTES..FEW_BYTES => Finding::warn("disk", format!("only {shown}"), fix),
        FEW_BYTES.. => Finding::ok("disk", shown),
    }];
    // File systems that make inodes as they go tell zero in all.
    if found.f_files > 0 && found.f_favail < LEAST_INODES {
        let what = format!("only {} inodes are free for {}", found.f_favail, dir.display());
        findings.push(Finding::fail("disk", what, "delete small files; `df -i` shows the file system"));
    }
    findings
}

fn file_system(dir: &Path) -> Finding {
    let Ok(found) = rustix::fs::statfs(dir) else {
        return Finding::warn("disk", "the file system does not tell its kind", "see `findmnt -T`");
    };
    // statfs(2) has the numbers; the width of the field differs between machines.
    let kind = found.f_type as u32;
    let name = REMOTE.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name);
    match name {
        None => Finding::ok("disk", "the file system is a local one"),
        Some(name) => {
            let what = format!("{} is on {name}, whose locks SQLite cannot trust", dir.display());
            Finding::fail("disk", what, "use a local disk, or PostgreSQL: database.url = \"postgres://…\"")
        }
    }
}

const REMOTE: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFE53_4D42, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0x0102_1997, "9p"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
];

/// What is to be said of the database, and whether there is none yet.
async fn database(settings: &Settings) -> (Finding, bool) {
    let found = match services::database(settings).await {
        Ok(database) => inspect(&database).await,
        Err(cause) => {
            return (Finding::fail("database", chain(&cause).to_string(), "see database.password"), false);
        }
    };
    let finding = match &found {
        Ok(None) => Finding::ok("database", "there is none yet; the first start makes it"),
        Ok(Some(found)) => state(found),
        Err(cause) => Finding::fail("database", chain(cause).to_string(), remedy(cause)),
    };
    let is_new = matches!(found, Ok(None | Some(Inspection { schema: 0, .. })));
    (finding, is_new)
}

fn state(found: &Inspection) -> Finding {
    let Inspection { schema, known, damage } = found;
    if let Some(first) = damage.first() {
        let what = format!("the database is damaged: {first}");
        return Finding::fail("database", what, "stop the service and restore a backup");
    }
    if schema > known {
        let what = format!("the database has schema {schema}, this program knows up to {known}");
        return Finding::fail(
            "database",
            what,
            "start the newer caspervpn, or restore a backup from before the upgrade",
        );
    }
    if schema < known {
        return Finding::ok("database", format!("schema {schema}; the next start brings it to {known}"));
    }
    Finding::ok("database", format!("schema {schema}, and whole"))
}

fn remedy(cause: &OpenError) -> &'static str {
    match cause {
        OpenError::Damaged { .. } => "stop the service and restore a backup",
        OpenError::Unreachable { .. } | OpenError::Url => {
            "check database.url and that the server takes connections"
        }
        OpenError::Pooled { .. } => "name the server itself in database.direct_url",
        OpenError::Directory { .. }
        | OpenError::Locked { .. }
        | OpenError::NoWal { .. }
        | OpenError::OldSqlite { .. }
        | OpenError::OldPostgres { .. }
        | OpenError::Newer { .. }
        | OpenError::Migrate { .. }
        | OpenError::File { .. }
        | OpenError::Thread { .. } => "run doctor as root or as the service's user",
    }
}

async fn master_key(settings: &Settings, is_new: bool, runs: bool) -> Finding {
    match services::check_master_key(settings).await {
        Ok(()) => {
            Finding::ok("master-key", "the master key is there; keep a copy of it outside this machine")
        }
        Err(_) if is_new && settings.keys.master == MasterKeyPlace::Auto => {
            Finding::ok("master-key", "there is none yet; the first start makes it")
        }
        Err(cause) => {
            // A running service may have got it as a credential that this command has not.
            let worst = if runs { Level::Warn } else { Level::Fail };
            let fix = "restore it from its backup; without it the keys in the database cannot be read";
            Finding::fail("master-key", chain(&cause).to_string(), fix).at_most(worst)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Inspection, modes, state, writable};
    use crate::cli::doctor::Level;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[test]
    fn a_directory_that_others_may_read_is_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let open = modes(dir.path());
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();

        assert_eq!((open.level, modes(dir.path()).level), (Level::Fail, Level::Ok));
    }

    #[test]
    fn a_directory_that_nobody_can_write_is_found() {
        assert_eq!(writable(Path::new("/proc/sys")).level, Level::Fail);
    }

    #[test]
    fn a_database_of_a_newer_program_is_told_from_an_older_one() {
        let at = |schema| state(&Inspection { schema, known: 3, damage: Vec::new() });

        let levels: Vec<Level> = [2, 3, 4].map(at).map(|it: Finding| it.level).to_vec();

        assert_eq!(levels, [Level::Ok, Level::Ok, Level::Fail]);
    }
}
