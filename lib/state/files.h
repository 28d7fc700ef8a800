/* Which files of the folder somebody may still need: runs are counted by the manifests, tables and merges that name
 * them, and manifests stay for a while after they were superseded. */
#ifndef EV_STATE_FILES_H
#define EV_STATE_FILES_H

#include "state/manifest.h"

/* A manifest, or what a manifest named that is no more. */
struct kept {
    uint64_t epoch;
    int64_t
        since_us; /* by the clock: the manifest was written, or the rest is kept for nothing since */
    struct run **runs;
    size_t n;
};

/* Starts as {0}. */
struct files {
    int folder;
    int64_t keep_us;
    struct kept *manifests; /* those in the folder, by epoch */
    size_t n_manifests;
    struct kept *rests;
    size_t n_rests;
};

/* One more, or one less, that names the run. The last one removes the file and frees the run. */
struct run *files_use(struct run *run);
void files_unuse(struct files *f, struct run *run);

/* Looks through the folder: removes temporary files, finds the manifests and what they name. Fills the runs of
 * `restored` (NULL: none) into found[table][i], used once each: EXIT_CONFIG where one is not there. */
bool files_open(struct files *f, int folder, int64_t keep_us, const struct manifest *restored,
    struct run ***found, struct err *e);
/* A manifest was written: takes over runs, the array, and uses each. */
void files_add(struct files *f, uint64_t epoch, struct run **runs, size_t n);
/* state_release(). */
void files_release(struct files *f, uint64_t committed);
/* Removes nothing. */
void files_close(struct files *f);

#endif
