/* What the state of an epoch is: a sealed file (sealed.h) named manifest-<epoch>.
 *
 *     {"epoch":7,"meta":{...},"tables":[
 *         {"kind":"map","forgotten":<time>,"runs":[{"file":"run-...","bytes":..,"entries":..,"longest":..,
 *             "least":<time>,"greatest":<time>,"xxh3":"<32 hex digits>"},...]},...],"version":1,"check":"..."}
 *
 * Runs stand from the oldest to the newest. "forgotten" is missing where nothing was. */
#ifndef EV_STATE_MANIFEST_H
#define EV_STATE_MANIFEST_H

#include "state/run.h"

#define MANIFEST_ROLE "manifest"

struct manifest_table {
    enum state_kind kind;
    int64_t horizon; /* INT64_MIN where nothing was forgotten */
    struct run *runs;
    size_t n;
};

struct manifest {
    uint64_t epoch;
    struct json_t *meta;
    struct manifest_table *tables;
    size_t n_tables;
};

/* Reads that of an epoch. EXIT_CONFIG where it is missing, damaged, of another epoch or of another version. *m is to be
 * freed after true only. */
bool manifest_read(struct manifest *m, int folder, uint64_t epoch, struct err *e);
void manifest_free(struct manifest *m);
/* Calls named() with each file that a manifest names, perhaps more than once, and checks nothing: a restart looks at
 * all manifests of an hour so, and nothing but their age hangs on them. */
void manifest_each_file(
    int folder, uint64_t epoch, void (*named)(void *ctx, const char *file), void *ctx);

/* A table, as it is kept for writing. */
struct manifest_source {
    enum state_kind kind;
    int64_t horizon;
    struct run *const *runs;
    size_t n;
};
/* Makes it durable under its name. Borrows all. *bytes is its length. */
bool manifest_write(int folder, uint64_t epoch, const struct json_t *meta,
    const struct manifest_source *tables, size_t n_tables, uint64_t *bytes, struct err *e);

#endif
