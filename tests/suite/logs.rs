//! What a log never holds.

use crate::support::on_both_engines;
use crate::support::process::Process;
use crate::support::server::PASSWORD;
use cell_records_client::types::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

on_both_engines! {
    async fn at_trace_no_secret_and_no_name_is_logged(server: demo) {
        server.running.handle.stop(true).await;
        let mut process = Process::started(&server.database, "trace");
        let nobody = server.nobody().at(&format!("http://{}", process.address));
        let login = async |username: &str, password: &str| {
            nobody.post("/v1/auth/login", json!({"username": username, "password": password})).await
        };
        let mut hidden: Vec<String> = vec![PASSWORD.into()];
        // A person: login, another person, a refresh.
        let tokens = login("admin", PASSWORD).await.is(200);
        for token in ["access_token", "refresh_token"] {
            hidden.push(tokens.body[token].as_str().unwrap().into());
        }
        let admin = nobody.with(tokens.body["access_token"].as_str());
        let refreshed = nobody.post("/v1/auth/refresh", json!({"refresh_token": tokens.body["refresh_token"]})).await.is(200);
        hidden.push(refreshed.body["refresh_token"].as_str().unwrap().into());
        let user = json!({"username": "quach-thi-kin", "display_name": "Quách Thị Kín", "password": "một-mật-khẩu-kín-1"});
        admin.post("/v1/users", user).await.is(201);
        login("quach-thi-kin", "một-mật-khẩu-kín-1").await.is(200);
        login("quach-thi-kin", "một-mật-khẩu-sai-2").await.is(401);
        hidden.extend(["quach-thi-kin", "Quách Thị Kín", "một-mật-khẩu-kín-1", "một-mật-khẩu-sai-2"].map(str::to_owned));
        // A system and its token.
        let system = admin.post("/v1/systems", json!({"name": "Tỉnh Kín", "contact": "a@kin.example", "purpose": "Đồng bộ kín"})).await.is(201).id();
        admin.post(&format!("/v1/systems/{system}/grants"), json!({"role": "committee_office", "unit_id": "ext:demo:ward"})).await.is(201);
        let expires_at = Timestamp::from_micros(Timestamp::now().micros() + 86_400_000_000).to_string();
        let token = json!({"name": "máy kín", "expires_at": expires_at});
        let token = admin.post(&format!("/v1/systems/{system}/tokens"), token).await.is(201).body["token"].clone();
        hidden.extend(["Tỉnh Kín", "a@kin.example", "Đồng bộ kín", "máy kín", token.as_str().unwrap()].map(str::to_owned));
        // Records: written, read, searched.
        let office = nobody.with(token.as_str());
        let body = json!({
            "unit_id": "ext:demo:cell-01", "full_name": "Quách Văn Kín", "sex": "male", "birth_date": "1970-03-02",
            "admission_date": "2001-05-19", "personal_id": "040080000001", "phone": "+84912345678",
        });
        let made = office.post("/v1/members", body).await.is(201);
        let path = format!("/v1/members/{}", made.id());
        office.patch(&path, made.etag(), json!({"phone": "+84987654321"})).await.is(200);
        office.get(&path).await.is(200);
        office.get("/v1/members?personal_id=040080000001").await.is(200);
        office.get("/v1/members?q=Quách%20Văn%20Kín").await.is(200);
        office.get("/v1/sync/changes?types=member&limit=500").await.is(200);
        hidden.extend(["Quách Văn Kín", "040080000001", "+84912345678", "+84987654321"].map(str::to_owned));
        // As the search folds it, and hashes as they are kept.
        hidden.extend(["quach van kin", "$argon2"].map(str::to_owned));
        process.terminate();
        assert!(process.ended());
        let log = process.said().join("\n");
        assert!(log.contains("POST /v1/members 201"), "{log}");
        for secret in &hidden {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{secret} is logged: {line:?}");
        }
    }

    async fn a_request_that_is_no_http_is_no_error_of_the_program(server: empty) {
        server.running.handle.stop(true).await;
        let mut process = Process::start(&server.database);
        for bytes in [
            "\u{16}\u{3}\u{1} no HTTP\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
            "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
            "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        ] {
            let mut client = TcpStream::connect(&process.address).await.unwrap();
            client.write_all(bytes.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 400"), "{bytes:?}: {}", String::from_utf8_lossy(&answer));
        }
        process.terminate();
        assert!(process.ended());
        let said = process.said();
        let errors: Vec<&String> = said.iter().filter(|line| line.contains("ERROR")).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}
