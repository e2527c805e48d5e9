//! `[server]`: what this process is and where it keeps its things.

use std::path::PathBuf;

use crate::config::setting::choice;

section! {
    /// What this process is and where it keeps its things.
    pub struct Server("server") {
        /// Directory of the database, the keys and the local socket. Relative paths of other keys start here.
        pub data_dir: PathBuf = PathBuf::from("/var/lib/caspervpn");
        /// What `caspervpn serve` runs: api, agent, edge, worker.
        pub roles: Vec<Role> = vec![Role::Api, Role::Agent, Role::Edge, Role::Worker];
    }
}

choice! {
    /// One of the jobs a process can have.
    pub enum Role {
        /// The REST API and the pages, on `listen.api`.
        Api = "api",
        /// The WireGuard side of this host: without it no tunnel is carried.
        Agent = "agent",
        /// The same for the world, on `listen.https`, `listen.http` and `listen.public`. Without `api` in the same process
        /// requests are passed on to `proxy.upstreams`.
        Edge = "edge",
        /// Periodic work on the database: without it nothing is purged or counted.
        Worker = "worker",
    }
}

impl Server {
    /// Whether this process has the role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}
