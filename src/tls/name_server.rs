//! Whether a name server answers at all, as a client of the tunnel would ask it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::timeout;

use crate::tls::caa::{AskError, DNS, ask};

/// Asks for the servers of the root, which every resolver knows, over UDP. An error is what happened, in words.
///
/// # Errors
/// No answer within two seconds, or one that says that it will not.
pub async fn try_name_server(server: IpAddr) -> Result<(), String> {
    let root = Name::root();
    let asked = ask(&root, RecordType::NS, SocketAddr::new(server, DNS));
    match timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => {
            let code = answer.metadata.response_code;
            let is_good = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
            if is_good { Ok(()) } else { Err(format!("it answered: {code}")) }
        }
        Ok(Err(AskError::Talk(cause))) => Err(cause.to_string()),
        Ok(Err(AskError::Message(cause))) => Err(cause.to_string()),
        Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}

/// Clients wait longer, and nobody would call that working.
const PATIENCE: Duration = Duration::from_secs(2);
