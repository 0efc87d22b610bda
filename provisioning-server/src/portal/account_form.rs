//! The fields of a new account, as they come from a form, and the account they mean.

use carillon_schemas::config::{Transfers, Transport};
use carillon_schemas::connection::Connection;
use carillon_schemas::features::Features;
use carillon_schemas::{Account, AccountId, Secret, SipAddress};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The id of an account whose address gives none.
const FALLBACK_ID: &str = "main";

/// The fields. An empty one means the default. No `Debug`: it holds a password.
#[derive(Deserialize, Default)]
pub(super) struct AccountForm {
    pub(super) address: String,
    #[serde(default)]
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) username: String,
    #[serde(default)]
    pub(super) password: Zeroizing<String>,
    #[serde(default)]
    pub(super) registrar: String,
}

impl AccountForm {
    /// The account.
    ///
    /// # Errors
    /// What is wrong with the first field that is, for the one who filled it in.
    pub(super) fn account(&self) -> Result<Account<Secret>, String> {
        let address = self.address.trim();
        let has_scheme = address
            .split_once(':')
            .is_some_and(|(scheme, _)| is_scheme(scheme));
        let address = if has_scheme {
            address.to_owned()
        } else {
            format!("sip:{address}")
        };
        let address: SipAddress = address
            .parse()
            .map_err(|error| format!("SIP address: {error}"))?;
        let password = match self.password.as_str() {
            "" => None,
            text => {
                Some(Secret::new(text.to_owned()).map_err(|error| format!("Password: {error}"))?)
            }
        };
        let account = Account {
            id: id_for(&address)?,
            label: None,
            display_name: given(&self.display_name),
            username: given(&self.username),
            realm: None,
            password,
            registrar: given(&self.registrar),
            outbound_proxy: None,
            transport: Transport::default(),
            connection: Connection::default(),
            register: true,
            accept_from: None,
            register_expires: 300,
            max_calls: 4,
            features: Features::default(),
            gruu: false,
            transfers: Transfers::default(),
            enabled: true,
            address,
        };
        account
            .validate("account")
            .map_err(|error| error.to_string())?;
        Ok(account)
    }
}

/// The account's id: the user of its address where that can be one.
fn id_for(address: &SipAddress) -> Result<AccountId, String> {
    let user = address.user().to_ascii_lowercase();
    user.parse()
        .or_else(|_| FALLBACK_ID.parse())
        .map_err(|error: carillon_schemas::identifier::IdentifierError| error.to_string())
}

fn is_scheme(text: &str) -> bool {
    ["sip", "sips"]
        .iter()
        .any(|scheme| text.eq_ignore_ascii_case(scheme))
}

fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(address: &str) -> AccountForm {
        AccountForm {
            address: address.into(),
            ..AccountForm::default()
        }
    }

    #[test]
    fn an_address_is_enough() {
        for address in ["sip:200@pbx.example.org", " 200@pbx.example.org "] {
            let account = form(address).account().unwrap();
            assert_eq!(account.address.as_str(), "sip:200@pbx.example.org");
            assert_eq!(account.id.as_str(), "200");
            assert!(account.password.is_none() && account.username.is_none() && account.register);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(
            form("")
                .account()
                .is_err_and(|why| why.starts_with("SIP address"))
        );
        assert!(
            form("200@")
                .account()
                .is_err_and(|why| why.starts_with("SIP address"))
        );
        let registrar = AccountForm {
            registrar: "a b".into(),
            ..form("200@a.example")
        };
        assert!(
            registrar
                .account()
                .is_err_and(|why| why.contains("registrar"))
        );
        let password = AccountForm {
            password: Zeroizing::new("a\nb".into()),
            ..form("200@a.example")
        };
        assert!(
            password
                .account()
                .is_err_and(|why| why.starts_with("Password")
                    && !why.contains('a'.to_string().repeat(3).as_str()))
        );
    }
}
