/* Where bytes go. A DEST is "-", a file, or a folder.
 *
 * A file is written under a temporary name beside it (.NAME.tmp, locked: one writer at a time) and gets
 * its name when the run has ended well: write, fsync, rename, fsync of the folder. So a reader sees the
 * old file or the new one, whole; a killed run leaves the temporary file, which the next run of the same
 * DEST takes over. What is not a regular file (a FIFO, /dev/stderr, /dev/null) is written as it is.
 *
 * A folder holds a file for each partition (sink/partition.h says how they are named), and a log of what was
 * committed (wire/commitlog.h):
 *
 *     FOLDER/city=7/dt=2025-11-14/ID-RUN[.K][-EPOCH]-SEQ.ext     since a record names it
 *     FOLDER/_tmp/ID-RUN[.K][-EPOCH]-SEQ.ext, ID.lock            until then; one writer of an ID at a time
 *     FOLDER/_old/ID-RUN[.K][-EPOCH]-SEQ.ext                     since a record removed it, for a day
 *     FOLDER/_log/N.ndjson                                       record N
 *
 * ID and RUN are escaped as partitions are, '-' in ID and '.' in RUN too; K makes names new, which are never used
 * twice in a folder. At a commit all files are made durable, then the record is, and only then files get their names
 * and what the record removes goes to _old: that can be taken up again by whoever opens the folder next. So names
 * show only what is committed, and the log shows commits whole. Without a checkpoint a commit removes what earlier runs of the same
 * ID and RUN had written and nothing else; with one it only adds. What a killed run left in _tmp without a record the next
 * one of its ID removes. */
#ifndef EV_SINK_SINK_H
#define EV_SINK_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/encoder.h"

struct json_t; /* state/members.h */

struct sink_options {
    const char *format; /* ndjson csv tsv table; NULL: by the suffix. A folder takes no table. */
    bool gzip;          /* also when the name ends in .gz */
    /* The rest is for folders. */
    const char *partition;        /* 'city={city_id}/dt=%Y-%m-%d', or NULL */
    struct json_scanner *scanner; /* where the fields of the two around are wanted from */
    void (*named)(void *ctx, const struct json_path *path); /* told of each such field, or NULL */
    void *ctx;
    const char *partition_time; /* path of the time that % conversions use; NULL is window_start */
    struct zone *zone;          /* of those conversions, and of times without an offset */
    const char *id, *run;       /* of the file names; NULL is "evsink" and "0" */
    bool has_keep_old;
    int64_t keep_old_us; /* how long removed files stay in _old; else a day */
    /* With a checkpoint: it is published by epochs. */
    bool by_epochs;
    int spool;          /* a folder for what is not published yet */
    bool at_least_once; /* the DEST need not know what it has */
};

/* Whose epoch it is that is published. */
struct txn {
    const char *pipeline, *uuid, *sink;
    int64_t generation;
    uint64_t epoch;
    uint64_t plan; /* a hash of what was planned up to this epoch */
};

struct sink {
    /* One event (an object's text; its fields where a folder's partition wants some). EXIT_IO and
     * EXIT_NO_OUTPUT name the DEST; EXIT_BAD_DATA says what is
     * wrong with the event, which is left out; the sink can go on. */
    bool (*put)(struct sink *s, const struct event *ev, struct err *e);
    /* Writes out what is buffered, for a DEST that somebody reads while it grows ("-", a FIFO);
     * else nothing. */
    bool (*flush)(struct sink *s, struct err *e);
    /* All is well: publish what was put since the last time. A signal is looked at (base/io.h) until it cannot be
     * taken back. t is NULL without epochs: the sink is to be closed after it, whether it worked or not. Where the
     * destination itself has recorded the epoch it is dropped; EXIT_CONFIG where that one was planned otherwise. */
    bool (*commit)(struct sink *s, const struct txn *t, struct err *e);
    /* What the destination itself says of this pipeline's sink: the newest epoch, 0 for none, with uuid and generation;
     * strings live as long as the sink. NULL: it keeps no record. */
    bool (*recorded)(struct sink *s, const struct txn *of, struct txn *found, struct err *e);
    /* Forgets what was put since the last commit: EXIT_IO. By epochs; NULL where the destination keeps a record. */
    bool (*drop)(struct sink *s, struct err *e);
    /* No epoch follows the last one: EXIT_CONFIG where something else stands there. Or NULL. */
    bool (*finish)(struct sink *s, struct err *e);
    /* What must be known to go on behind the last commit; and before the first put, to do so: EXIT_CONFIG. Or NULL. */
    struct json_t *(*save)(const struct sink *s);
    bool (*restore)(struct sink *s, const struct json_t *saved, struct err *e);
    /* Goes on behind what stands there, whoever wrote it: EXIT_IO. NULL: it does so anyway. */
    bool (*keep)(struct sink *s, struct err *e);
    /* Frees everything; without a commit before it removes what was not published. */
    void (*close)(struct sink *s);
    uint64_t bytes; /* written, after compression */
    uint64_t files; /* of a folder: how many were committed */
};

/* A DEST that ends in '/', is a directory, or comes with a partition is a folder (created when missing).
 * EXIT_NO_OUTPUT naming it: cannot be created, or another writer has it. EXIT_USAGE: an option is wrong.
 * Nothing is created then. */
struct sink *sink_open(const char *dest, const struct sink_options *o, struct err *e);

/* When and how what is written there shows, in words for the user. */
const char *sink_manner(const char *dest, const struct sink_options *o);

/* Do two names stand for one file, also where it is not there yet? */
bool dest_is_same(const char *a, const char *b);

/* A side output (--late, --reject): NDJSON lines into a file that is replaced by each run, exists even
 * when empty, is gzip when its name ends in .gz, and is published also when the run fails (it is the
 * evidence): where the disk is full, up to the last line that found room (a gzip is cut off there).
 * EXIT_USAGE for "-" and for a folder. */
struct side;
/* spool: a folder, where it is published by epochs (sink/appended.h); else -1. */
struct side *side_open(const char *dest, int spool, struct err *e);
bool side_write(struct side *s, struct slice lines, struct err *e);
/* Leaves what stands there as it was; takes NULL. */
void side_drop(struct side *s);
/* Publishes; takes NULL. The run's failure changes nothing. False also where a write had failed. Of epochs what was
 * not published goes to DEST.failed. */
bool side_close(struct side *s, struct err *e);

/* Of epochs: as the members of a sink that are named so. */
bool side_commit(struct side *s, struct err *e);
bool side_forget(struct side *s, struct err *e); /* drop */
bool side_finish(struct side *s, struct err *e);
struct json_t *side_save(const struct side *s);
bool side_restore(struct side *s, const struct json_t *saved, struct err *e);
bool side_take_back(const struct json_t *saved, struct err *e);

#endif
