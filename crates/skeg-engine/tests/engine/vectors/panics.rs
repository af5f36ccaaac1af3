//! A panic on a thread that makes segments, as a fault of the program would bring it.

use super::*;

#[test]
fn a_panic_while_a_segment_is_made_fails_that_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Io::real(), Some(dir.path()), &EngineOptions::default()).unwrap();
    run_within(&engine, 1 << 20, |exec| {
        let shard = exec.shard(b"docs");
        shard.index_create(b"docs", options(Tier::Tq4)).unwrap();
        for id in 0..1_500_u64 {
            shard.vector_set(b"docs", id.into(), &row(id)).unwrap();
        }
    });
    let consolidate = |panics: fn(BuildProgress) -> bool| {
        let (tell, told) = mpsc::channel();
        let progress = Box::new(move |told| {
            assert!(!panics(told), "it is to panic");
            true
        });
        let done = Box::new(move |result| tell.send(result).unwrap());
        engine.consolidate(b"docs", progress, done).unwrap();
        told.recv_timeout(Duration::from_secs(60)).expect("who asked is told")
    };
    let outcomes = [
        consolidate(|told| told.written > 0),
        consolidate(|told| told.linked > Some(0)),
        consolidate(|_| false),
    ];
    let failed = |outcome: &Result<(), VectorsError>| matches!(outcome, Err(VectorsError::Failed { reason, .. }) if reason.contains("panicked"));
    assert_eq!(outcomes.each_ref().map(failed), [true, true, false], "{outcomes:?}");
    let view = run(&engine, |exec| exec.shard(b"docs").vector_view(b"docs").unwrap()).0;
    assert_eq!((view.linked_segments(), info(&engine).figures.delta_vectors), (1, 0));
    engine.close().unwrap();
}
