//! Attacks on access tokens: every one of them is 401. The published keys verify what the server signs.

use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use cell_records_client::types::accounts::{CallerKind, Role};
use cell_records_server::auth::jwt;
use cell_records_server::auth::keys::LIFETIME;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&B64.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

fn b64(value: &Value) -> String {
    B64.encode(value.to_string())
}

on_both_engines! {
    async fn no_forged_token_is_let_in(server: empty) {
        let login = server.login("admin", PASSWORD).await.is(200).body;
        let token = login["access_token"].as_str().unwrap();
        let (keys, claims, header) = (&server.running.shared.keys, part(token, 1), part(token, 0));
        let signing = keys.signing();
        assert_eq!((&header["alg"], &header["typ"], &header["kid"]), (&json!("EdDSA"), &json!("at+jwt"), &json!(signing.current.kid)));
        for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "sid"] {
            assert!(claims.get(claim).is_some(), "{claim}");
        }
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let payload = signed.split_once('.').unwrap().1;
        let with = |object: &Value, name: &str, value: Value| {
            let mut object = object.clone();
            object[name] = value;
            object
        };
        // Signed with the server's own key, and wrong anyway.
        let sign = |header: &Value, claims: &Value| {
            let header: Header = serde_json::from_value(header.clone()).unwrap();
            jsonwebtoken::encode(&header, claims, &signing.current.encoding).unwrap()
        };
        server.bearer(Some(&sign(&header, &claims))).get("/v1/me").await.is(200);
        let mut forged = vec![
            sign(&header, &with(&claims, "aud", json!("others"))), sign(&header, &with(&claims, "iss", json!("others"))),
            sign(&header, &with(&claims, "exp", json!(1_000_000_000))), sign(&header, &with(&claims, "iat", json!(4_000_000_000i64))),
            sign(&header, &with(&claims, "sub", json!(uuid::Uuid::now_v7()))), sign(&header, &with(&claims, "sid", json!(uuid::Uuid::now_v7()))),
            sign(&header, &with(&claims, "kind", json!("system"))), sign(&with(&header, "typ", json!("JWT")), &claims),
            sign(&with(&header, "kid", json!("another")), &claims),
        ];
        let now = cell_records_client::types::Timestamp::now().micros() / 1_000_000;
        let id = |name: &str| claims[name].as_str().unwrap().parse().unwrap();
        forged.push(jwt::issue(keys, id("sub"), id("sid"), CallerKind::User, now - LIFETIME - 1).unwrap());
        // Not signed, or by somebody else.
        for alg in ["none", "None", "HS256", "RS256", "ES256"] {
            let header = with(&header, "alg", json!(alg));
            forged.push(format!("{}.{payload}.", b64(&header)));
            forged.push(format!("{}.{payload}.{signature}", b64(&header)));
        }
        let public = server.nobody().get("/.well-known/jwks.json").await.is(200).body["keys"][0].clone();
        let secrets = [B64.decode(public["x"].as_str().unwrap()).unwrap(), public["x"].as_str().unwrap().into(), public.to_string().into_bytes()];
        for secret in secrets {
            let mut header = Header::new(Algorithm::HS256);
            (header.typ, header.kid) = (Some("at+jwt".into()), Some(signing.current.kid.clone()));
            forged.push(jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap());
        }
        let mut embedded = header.clone();
        embedded["jwk"] = public;
        forged.push(format!("{}.{payload}.{signature}", b64(&embedded)));
        forged.push(format!("{}.{}.{signature}", b64(&header), b64(&with(&claims, "sub", json!(uuid::Uuid::now_v7())))));
        for end in [0, 1, signed.len(), token.len() / 2, token.len() - 1] {
            forged.push(token[..end].to_owned());
        }
        forged.extend([format!("{token}A"), format!("{token}.{signature}"), format!("{token}="), login["refresh_token"].as_str().unwrap().to_owned()]);
        for token in forged {
            server.bearer(Some(&token)).get("/v1/me").await.refused(401, "unauthenticated");
        }
        server.bearer(Some(token)).get("/v1/me").await.is(200);
    }

    async fn the_published_keys_verify_what_gateways_are_sent(server: empty) {
        let system = server.acting(Role::FrontendReader, crate::support::ward::ROOT).await;
        let secret = system.token.clone().unwrap();
        let exchange = |form: String| server.nobody().call(reqwest::Method::POST, "/v1/auth/token").body("application/x-www-form-urlencoded", form);
        let form = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", system.code);
        let tokens = exchange(form.clone()).await.is(200).body;
        assert_eq!((tokens.get("refresh_token"), &tokens["expires_in"]), (None, &json!(900)));
        let token = tokens["access_token"].as_str().unwrap();
        let keys = server.nobody().get("/.well-known/jwks.json").await.is(200).body["keys"].clone();
        let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == part(token, 0)["kid"]).unwrap().clone();
        assert_eq!(key.get("d"), None);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["cell-records"]);
        let key = DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], system.id);
        assert_eq!(server.bearer(Some(token)).get("/v1/me").await.is(200).body["name"], system.code.as_str());
        for (bad, status) in [
            (form.replace("client_credentials", "password"), 400), (form.replace(&system.code, "another"), 401), (form.replace("crt_", "crt_x"), 401),
            (format!("grant_type=client_credentials&client_id={}", system.code), 401), (String::new(), 400),
        ] {
            exchange(bad).await.is(status);
        }
        // What it was exchanged for ends with it.
        let admin = server.administrator().await;
        let tokens = format!("/v1/systems/{}/tokens", system.id);
        let id = admin.get(&tokens).await.body["items"][0]["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("{tokens}/{id}"), "*").await.is(204);
        server.bearer(Some(token)).becomes("/v1/me", 401).await;
    }
}
