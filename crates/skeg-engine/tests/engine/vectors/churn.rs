//! An index whose rows are all replaced again and again keeps its graphs, and finds what a fresh one finds.

use super::*;

const ROWS: u64 = 1_800;
const QUERIES: u64 = 100;
const K: usize = 10;

/// One of 60 clusters, and noise.
fn clustered(seed: u64) -> Vec<f32> {
    let noise = row(seed);
    row((1 << 40) + seed % 60)
        .iter()
        .zip(&noise)
        .map(|(centre, noise)| centre + noise / 2.0)
        .collect()
}

fn found(engine: &Engine, query: u64) -> Vec<Id> {
    let view = run(engine, |exec| exec.shard(b"docs").vector_view(b"docs").unwrap()).0;
    let hits = view.search(&clustered(query), K).unwrap();
    hits.into_iter().map(|hit| hit.id).collect()
}

fn linked(engine: &Engine) -> usize {
    run(engine, |exec| exec.shard(b"docs").vector_view(b"docs").unwrap()).0.linked_segments()
}

/// Replaces all rows, in another order each time: so many at once that four flushes have all of them.
fn replace_all(engine: &Engine, time: u64) {
    let step = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41][time as usize % 10];
    let ids: Vec<u64> = (0..ROWS).map(|n| n * step % ROWS).collect();
    for ids in ids.chunks(ROWS as usize / 4) {
        run_within(engine, 1 << 20, |exec| {
            let shard = exec.shard(b"docs");
            for &id in ids {
                shard.vector_set(b"docs", id.into(), &clustered(time * ROWS + id)).unwrap();
            }
        });
        wait_for(engine, "written", |info| {
            info.state == IndexState::Ready && info.figures.delta_vectors == 0
        });
    }
}

#[test]
fn recall_holds_when_all_rows_are_replaced_ten_times() {
    let dir = tempfile::tempdir().unwrap();
    let options_of = EngineOptions { vector_delta_bytes: 1, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options_of).unwrap();
    run(&engine, |exec| exec.shard(b"docs").index_create(b"docs", options(Tier::Tq2)).unwrap());
    let mut was_linked = 0;
    for time in 0..=10 {
        replace_all(&engine, time);
        was_linked += usize::from(linked(&engine) > 0);
    }
    assert!(was_linked > 5, "merges keep their graphs: {was_linked}");
    let mut exact = FlatIndex::new(options(Tier::F32), 1).unwrap();
    for id in 0..ROWS {
        exact.set(id, &clustered(10 * ROWS + id)).unwrap();
    }
    let exact = exact.view();
    let recall = |engine: &Engine| {
        let hits = (0..QUERIES).map(|query| {
            let truth = exact.search(&clustered(1 << 32 | query), K).unwrap();
            let found = found(engine, 1 << 32 | query);
            truth.iter().filter(|hit| found.contains(&hit.id)).count()
        });
        hits.sum::<usize>() as f64 / (QUERIES as usize * K) as f64
    };
    let after = recall(&engine);
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |result| tell.send(result).unwrap());
    engine.consolidate(b"docs", Box::new(|_| true), done).unwrap();
    assert_eq!(told.recv().unwrap(), Ok(()));
    let fresh = recall(&engine);
    assert!(after >= fresh - 0.002, "{after} of {fresh}");
    engine.close().unwrap();
}
