/* What the files of the folder sink share: folder.c (put, spool), commit.c (publishing), places.c (where files may
 * lie), view.c, journal.c and summary.c (the commit log), adopt.c (what an evsink without a log has left). */
#ifndef EV_SINK_FOLDER_H
#define EV_SINK_FOLDER_H

#include "sink/partition.h"
#include "sink/sink.h"
#include "wire/logfolder.h"

/* Strings, owned. Starts as {0}. */
struct names {
    char **all;
    size_t n;
};
void names_add(struct names *l, struct slice name);
void names_free(struct names *l);
void names_sort(struct names *l);
/* Of a sorted list. */
bool names_has(const struct names *l, struct slice name);
/* Takes out what is in the other, sorted list. */
void names_without(struct names *l, const struct names *other);

/* What a part of the partition's events goes to. */
struct part_file {
    char *path; /* its folder below ours, "" for ours */
    uint64_t hash;
    size_t seq;
    struct encoder *encoder;
    struct buf out;
    bool in_tmp; /* stands under _tmp */
    uint64_t size;
    int64_t rows, least, greatest;
};

/* The newest txn of a pipeline's or a plain run's sink. */
struct log_key {
    char *sink, *run, *pipeline, *uuid; /* pipeline, uuid NULL: a run without a checkpoint */
    int64_t generation;
    uint64_t epoch, plan, rerun;
    uint64_t order;       /* the higher the newer */
    struct names removes; /* of the newest record of its sink: they may still lie where they were */
};

struct log_view {
    struct log_key *keys;
    size_t n, last; /* the key of the lines at hand */
    uint64_t order;
};
/* A txn line has come. */
void view_note(struct log_view *v, const struct log_line *txn);
/* A remove line has come. */
void view_remove(struct log_view *v, struct slice path);
void view_forget_removes(struct log_view *v);
void view_free(struct log_view *v);
/* The line that was noted; borrows. */
struct log_line view_line(const struct log_key *k);

struct folder {
    struct sink sink;
    char *dest, *id, *run;
    int dir, tmp, log, lock;
    enum out_format format;
    bool gzip;
    struct buf own;    /* what all file names of this id begin with: ID- */
    struct buf base;   /* ID-RUN */
    struct buf prefix; /* of the names of the files at hand, as they stand in _tmp */
    struct partition *partition;
    struct part_file **files; /* by seq */
    size_t n;
    struct part_file **table; /* by hash of path, open addressing; size is a power of two */
    size_t table_size;
    uint64_t seed;
    struct buf path; /* of the event at hand */
    size_t pending;  /* bytes in all out */
    int64_t keep_old_us;

    struct log_view view;
    struct log_range seen; /* of the log, our own records too */
    struct names mine;     /* live files of the plain runs of this id and run */
    struct names durable;  /* folders of parts that will be there after a loss of power; sorted */
    uint64_t plain_rerun;  /* K of a plain run's names */
    bool recorded;         /* the record of the commit at hand is there: nothing takes it back */
};

/* ---- folder.c ---- */

/* ID-RUN[.K][-EPOCH]- */
void make_prefix(const struct folder *f, uint64_t rerun, uint64_t epoch, struct buf *out);
/* The file name of a part, with NUL. */
void part_name(const struct folder *f, const struct buf *prefix, size_t seq, struct buf *out);
/* The same below the folder. */
void part_path(const struct folder *f, const struct part_file *p, struct buf *out);
/* Does a part go to this folder? */
bool part_lies_in(const struct folder *f, const char *path);
/* Writes what is pending, so that it stands in _tmp. */
bool part_write(struct folder *f, struct part_file *p, struct err *e);
/* Forgets all parts, and removes from _tmp what has no record. What is put next is spooled as a plain run's, for
 * its epoch is not known yet; no record ever names that. */
void parts_forget(struct folder *f);

/* ---- commit.c ---- */

bool folder_commit(struct sink *s, const struct txn *t, struct err *e);

/* ---- places.c ---- */

bool has_tmp(int at, const char *path);
/* mkdir -p, durably. `at` is AT_FDCWD, or our folder: then no part of the path may be a link or a destination of its own. */
bool make_path(int at, const char *path, struct err *e);
/* fsync of a file or folder; "" is `at` itself. */
bool sync_path(int at, const char *path, struct err *e);
/* What would fail the rename to this path must show before the record is written. */
bool can_appear(struct folder *f, const char *path, struct err *e);
bool can_vanish(struct folder *f, const char *path, struct err *e);
/* The folder of a path, to be freed; "" for ours. */
char *folder_of(const char *path);

/* ---- journal.c: the log ---- */

/* Reads the log, finishes what commits before have left undone, and removes what they have left over. The lock is held. */
bool journal_open(struct folder *f, struct err *e);
/* K of the names of the files of t: new where the pipeline, its generation or the run is. NULL: of a plain run. */
uint64_t journal_rerun(const struct folder *f, const struct txn *t);
/* The newest txn of a pipeline's sink, or NULL. */
const struct log_key *journal_newest(const struct folder *f, const char *pipeline);
/* Makes a record of lines, from LOG_BEGIN to LOG_END. Afterwards f->recorded says whether it may stand, also on false. */
bool journal_append(struct folder *f, struct slice lines, uint64_t epoch, struct err *e);
/* Moves a removed file to _old; it is no error that it is not there any more. */
bool journal_retire(struct folder *f, const char *path, struct err *e);

/* ---- summary.c ---- */

/* Writes the summary that is due, if one is. What fails is left to the next. */
void summarize(struct folder *f, uint64_t epoch);
/* A file of this name in _tmp gets a second name in _log. False with errno, EEXIST too. */
bool link_to_log(struct folder *f, const char *temp, const char *name);

/* ---- adopt.c ---- */

/* The lines of a record that names the files of an evsink that kept no log; none: there are none. */
bool adopt(struct folder *f, struct buf *lines, uint64_t *n, struct err *e);

#endif
