//! Links to pages that work once: how a verb hands one out.

use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::settings::SETTINGS;

const LINK: &[Column] = &[("LINK", "/link"), ("EXPIRES", "/expires_at")];

/// Asks for a link to a page, and shows it.
pub(super) async fn make(path: &str, page: &str, on: &Asked) -> Result<(), Failure> {
    let mut answer = on.client.post(path, None).await?.body;
    complete(&mut answer, page, on).await?;
    on.form.one(&answer, LINK)
}

/// Writes the whole link beside its token, as far as the address of the pages is known.
pub(super) async fn complete(answer: &mut Value, page: &str, on: &Asked) -> Result<(), Failure> {
    let settings = on.client.get(SETTINGS).await?.body;
    let base = settings.get("panel_url").and_then(Value::as_str).unwrap_or_default();
    let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
    answer["link"] = json!(format!("{base}/{page}#{token}"));
    if base.is_empty() {
        note(&format!(
            "put the address of your pages in front, as in https://vpn.example.org/{page}#…; \
             `caspervpn settings update --panel-url` does it for you"
        ));
    }
    note("the link works once, and is shown once");
    Ok(())
}
