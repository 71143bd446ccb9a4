//! Names of workloads that stand in names of others.

/// The label by which a deployment tells its replica sets apart: its value ends their names.
const HASH: &str = "pod-template-hash";

/// Minutes since 1970 from which on cron jobs have had them in the names of their jobs: those of August 2015. Days that are written
/// as a number, such as 20260131, are less.
const FIRST_MINUTE: u64 = 24_000_000;

/// The name of the deployment that a replica set belongs to, by the labels of one of its pods: the deployment controller calls the set
/// `DEPLOYMENT-HASH` and puts the hash on the pods. A set that was made by somebody else has no such label.
pub(super) fn deployment_of<'n>(replica_set: &'n str, labels: &crate::Pairs<'_>) -> Option<&'n str> {
    let hash = labels.get(HASH).filter(|hash| !hash.is_empty())?;
    let name = replica_set.strip_suffix(hash)?.strip_suffix('-')?;
    (!name.is_empty()).then_some(name)
}

/// The name of the cron job that made a job: the controller calls the job `CRONJOB-MINUTE`, by the minute since 1970 that it is for.
pub(super) fn cron_job_of(job: &str) -> Option<&str> {
    let (name, minute) = job.rsplit_once('-')?;
    let is_minute = minute.len() == 8 && minute.bytes().all(|digit| digit.is_ascii_digit());
    let is_late = minute.parse::<u64>().is_ok_and(|minute| minute >= FIRST_MINUTE);
    (!name.is_empty() && is_minute && is_late).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pairs;

    #[test]
    fn deployments_are_told_by_the_hash_on_their_pods() {
        let labelled = |hash: &'static str| Pairs(vec![(HASH.into(), hash.into())]);
        let cases = [
            ("web-6c45f8d6f6", "6c45f8d6f6", Some("web")),
            ("a-b-c-6c45f8d6f6", "6c45f8d6f6", Some("a-b-c")),
            ("web-6c45f8d6f6", "other", None),
            ("web6c45f8d6f6", "6c45f8d6f6", None),
            ("-6c45f8d6f6", "6c45f8d6f6", None),
            ("web-", "", None),
        ];
        for (set, hash, expected) in cases {
            assert_eq!(deployment_of(set, &labelled(hash)), expected, "{set} {hash}");
        }
        // As a rollout of another controller calls its sets: it has a label of its own.
        let other = Pairs(vec![("rollouts-pod-template-hash".into(), "6c45f8d6f6".into())]);
        assert_eq!(deployment_of("web-6c45f8d6f6", &other), None);
    }

    #[test]
    fn cron_jobs_are_told_by_the_minute() {
        let cases = [
            ("backup-29825760", Some("backup")),
            ("a-b-29825760", Some("a-b")),
            ("backup-20260131", None),
            ("backup-298257600", None),
            ("backup-2982576x", None),
            ("backup", None),
            ("-29825760", None),
        ];
        for (job, expected) in cases {
            assert_eq!(cron_job_of(job), expected, "{job}");
        }
    }
}
