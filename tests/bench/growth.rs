//! P8: the same work on many members and on few.

use crate::data::{Units, ward};
use crate::databases::Database;
use crate::measures::{BATCH, Bench, EVERYWHERE, PULL, first_id, list_of_ward};
use crate::servers::Server;
use crate::side::{Goal, Side, Work};
use anyhow::Result;
use std::time::Instant;

impl Bench<'_> {
    /// The same work on many members and on few.
    pub async fn growth(&self, small: &Database) -> Result<()> {
        const GOAL: Goal = Goal::Growth(1.3);
        let wards = self.plan.wards(self.plan.growth.1);
        let large = self.multiplied(small, wards).await?;
        let time = self.plan.time / 2;
        let (many, _) = Server::start(&large.url, 1).await?;
        let (few, _) = Server::start(&small.url, 1).await?;
        let search = format!("/v1/members?unit={}&subtree=true&q=phuc&limit=50", ward(0));
        let missing = format!("/v1/members?unit={}&subtree=true&q=xyz&limit=50", ward(0));
        let point = format!("/v1/members/{}", first_id(&self.text(&few, EVERYWHERE).await?)?);
        let reads = [
            ("P8 growth: point read", "reads/s", point),
            ("P8 growth: list of 50, everything", "lists/s", EVERYWHERE.to_owned()),
            ("P8 growth: list of 50, one ward", "lists/s", list_of_ward()),
            ("P8 growth: a name in a ward", "searches/s", search),
            ("P8 growth: no such name in a ward", "searches/s", missing),
        ];
        for (name, unit, path) in reads {
            let get = self.get(&path);
            let (ours, floor) = self.rates(time, (&many, &get), (&few, &get)).await?;
            self.print(name, unit, GOAL, ours, Some(floor));
        }
        let empty = (self.empty_pull(&many).await?, self.empty_pull(&few).await?);
        let (ours, floor) = self.rates(time, (&many, &empty.0), (&few, &empty.1)).await?;
        self.print("P8 growth: empty pull", "pulls/s", GOAL, ours, Some(floor));
        let (cluster, of_ward) = (self.cluster.as_ref(), format!("{PULL}&units={}", ward(0)));
        let (mut ours, mut floor) = (Side::default(), Side::default());
        for _ in 0..self.plan.rounds {
            // One is over in a moment: several together are measured.
            ours.round(Some(&many), cluster, self.several_pulls(&many, &of_ward)).await?;
            floor.round(Some(&few), cluster, self.several_pulls(&few, &of_ward)).await?;
        }
        self.print("P8 growth: pull of a ward", "records/s", GOAL, ours, Some(floor));
        drop(few);
        let (mut created, mut created_few) = (Side::default(), Side::default());
        let (mut pushed, mut pushed_few) = (Side::default(), Side::default());
        for _ in 0..self.plan.rounds {
            // What is written would make the small one larger: each round has a copy.
            let copy = small.copied(&self.plan.folder).await?;
            let (few, _) = Server::start(&copy.url, 1).await?;
            let push =
                |server, wards| self.push(server, BATCH.max(self.plan.pushed / 2), move |_| Units::Random(wards));
            pushed.round(Some(&many), cluster, push(&many, wards)).await?;
            pushed_few.round(Some(&few), cluster, push(&few, 1)).await?;
            created.round(Some(&many), cluster, self.create(&many, wards, time)).await?;
            created_few.round(Some(&few), cluster, self.create(&few, 1, time)).await?;
        }
        self.print("P8 growth: single creates", "creates/s", GOAL, created, Some(created_few));
        self.print("P8 growth: push, random units", "records/s", GOAL, pushed, Some(pushed_few));
        Ok(())
    }

    async fn several_pulls(&self, server: &Server, first: &str) -> Result<Work> {
        let (mut records, begun) = (0.0, Instant::now());
        for _ in 0..10 {
            records += self.pull(server, first).await?.count;
        }
        Ok(Work::new(records, begun))
    }
}
