//! `nosc bench queue`.

use crate::session::Session;

#[cfg(not(feature = "nats"))]
#[test]
fn without_nats_it_says_how_to_build_it() {
    let message = Session::new().nosc(&["bench", "queue"]).fails(3);
    assert!(message.contains("--features nats"), "{message}");
}

#[cfg(feature = "nats")]
mod with_nats {
    use super::Session;

    #[test]
    fn every_task_ends_once_though_workers_are_lost() {
        if nosc_tests::nats::program().is_none() {
            return;
        }
        let session = Session::new();
        let small = ["bench", "queue", "--workers", "5", "--tasks", "50", "--lease", "2", "--json"];
        let json = session.nosc(&small).json();
        assert_eq!((&json["workers"], &json["tasks"]), (&5.into(), &50.into()), "{json}");
        for none in ["lost", "double", "failed", "ideal_seconds", "lost_workers"] {
            assert_eq!(json[none].as_f64(), Some(0.0), "{none}: {json}");
        }
        let number = |name: &str| json[name].as_f64().unwrap();
        let rate = number("tasks_per_second") * number("seconds");
        assert!((rate - 50.0).abs() < 1e-6 && number("seconds") > 0.0, "{json}");
        assert!(json["server_version"].as_str().unwrap().starts_with("2."), "{json}");
        assert!(number("task_bytes") > 100.0 && number("result_bytes") > 500.0, "{json}");
        assert_eq!(json["attempts"], 50);

        let rest =
            ["4", "--tasks", "20", "--seconds", "0.3", "--churn", "1", "--lease", "1", "--json"];
        let json = session.nosc(&[&small[..3], &rest[..]].concat()).json();
        for none in ["lost", "double", "failed"] {
            assert_eq!(json[none], 0, "{none}: {json}");
        }
        assert!(
            json["lost_workers"].as_u64() > Some(0) && json["overhead"].as_f64() > Some(0.0),
            "{json}"
        );
    }

    #[test]
    fn without_a_server_it_says_where_one_may_come_from() {
        let mut session = Session::new();
        session.set("NOSC_NATS_SERVER", session.path("none").into_os_string());
        let message = session.nosc(&["bench", "queue"]).fails(3);
        assert!(message.contains("NOSC_NATS_SERVER") && message.contains("--server"), "{message}");
        let message = session.nosc(&["bench", "queue", "--server", "nats://127.0.0.1:1"]).fails(3);
        assert!(message.contains("127.0.0.1:1"), "{message}");
    }
}
