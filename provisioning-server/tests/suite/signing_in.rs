//! People's sessions: opened by the password alone, ended, bounded, and guarded against guessing.

use carillon_server::service::SignInError;
use zeroize::Zeroizing;

use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_holds_until_it_is_ended() {
    let lab = Lab::start().await;
    let service = lab.server.as_ref().unwrap().service();
    let password = Zeroizing::new(lab.admin_password.clone());
    let from = "127.0.0.1".parse().unwrap();
    let signed_in = service
        .sign_in("admin", &password, from)
        .await
        .ok()
        .unwrap();
    let session = service.session(&signed_in.cookie).await.unwrap().unwrap();
    assert_eq!(session, signed_in.session);
    assert!(session.csrf_matches(&signed_in.session.csrf) && !session.csrf_matches(""));
    assert_eq!(service.session("guess").await.unwrap(), None);
    service.sign_out(&signed_in.cookie).await.unwrap();
    assert_eq!(service.session(&signed_in.cookie).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_for_the_address_and_for_the_name() {
    let lab = Lab::start().await;
    let service = lab.server.as_ref().unwrap().service();
    let guess = Zeroizing::new("guess".to_owned());
    let mut wrong = 0;
    let too_many = loop {
        // An attacker with many addresses still has one name to guess for.
        let from = format!("192.0.2.{wrong}").parse().unwrap();
        match service.sign_in("admin", &guess, from).await {
            Err(SignInError::Wrong) => wrong += 1,
            Err(error) => break error,
            Ok(_) => panic!("a guess opened a session"),
        }
        assert!(wrong < 50, "guessing is never slowed down");
    };
    assert!(matches!(too_many, SignInError::TooMany(_)), "{too_many}");
    assert!(matches!(
        service
            .sign_in("nobody", &guess, "192.0.2.1".parse().unwrap())
            .await,
        Err(SignInError::Wrong)
    ));
}
