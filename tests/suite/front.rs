//! The pages for people: what a browser may do with them, and that their links lead somewhere.

use crate::support::on_both_engines;
use std::collections::BTreeSet;

/// The targets of links in a page, and in a text of Markdown.
fn links(text: &str) -> BTreeSet<String> {
    let after = |mark: &'static str, end: char| text.split(mark).skip(1).filter_map(move |rest| rest.split(end).next());
    after("href=\"", '"').chain(after("](", ')')).map(str::to_owned).collect()
}

/// What a heading of Markdown is called in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

on_both_engines! {
    async fn no_page_is_shown_in_a_frame_or_loads_anything_from_elsewhere(server: empty) {
        for path in ["/", "/problems", "/problems/not_found", "/guides/sync", "/guides/frontends", "/docs/", "/docs/index.html"] {
            let page = server.nobody().get(path).await.is(200);
            let policy = page.header("content-security-policy");
            for part in ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"] {
                assert!(policy.split("; ").any(|one| one == part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{path}: {policy}");
            assert_eq!((page.header("x-content-type-options"), page.header("referrer-policy")), ("nosniff", "same-origin"), "{path}");
        }
    }

    async fn every_redirect_and_every_link_of_a_page_or_guide_leads_somewhere(server: empty) {
        let nobody = server.nobody();
        assert_eq!(nobody.get("/favicon.ico").await.is(307).header("location"), "/docs/favicon-32x32.png");
        let (mut waiting, mut seen) = (vec!["/".to_owned(), "/docs".into(), "/problems/".into(), "/guides".into()], BTreeSet::new());
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let mut answer = nobody.get(&path).await;
            for _ in 0..2 {
                if answer.status == 307 {
                    answer = nobody.get(answer.header("location")).await;
                }
            }
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            if !answer.header("content-type").starts_with("text/") || path.starts_with("/docs") {
                continue;
            }
            let headings: BTreeSet<String> = answer.text.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
            for link in links(&answer.text) {
                match link.split_once('#') {
                    _ if link.starts_with("http") => {}
                    Some(("", name)) => assert!(headings.contains(name), "{path}: {link}"),
                    Some((page, name)) => {
                        let text = nobody.get(page).await.is(200).text;
                        assert!(text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == name), "{path}: {link}");
                    }
                    None => waiting.push(link),
                }
            }
        }
        assert!(seen.iter().any(|path| path == "/problems/not_found") && seen.len() > 40, "{seen:?}");
    }
}
