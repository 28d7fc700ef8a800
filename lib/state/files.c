#include "state/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "state/sealed.h"

struct run *files_use(struct run *run) {
    run->refs++;
    return run;
}

void files_unuse(struct files *f, struct run *run) {
    if (--run->refs) return;
    /* One that stays is found and removed by the next run. */
    unlinkat(f->folder, run->file, 0);
    free(run);
}

static void add(struct kept **list, size_t *n, size_t at, struct kept one) {
    *list = mem_grow(*list, *n + 1, sizeof **list);
    memmove(*list + at + 1, *list + at, (*n - at) * sizeof **list);
    ++*n;
    (*list)[at] = one;
}

static void take_out(struct kept *list, size_t *n, size_t at) {
    --*n;
    memmove(list + at, list + at + 1, (*n - at) * sizeof *list);
}

static void give_up(struct files *f, struct kept *k) {
    for (size_t i = 0; i < k->n; i++) files_unuse(f, k->runs[i]);
    free(k->runs);
}

/* Where that of an epoch is, or would be. */
static size_t place(const struct files *f, uint64_t epoch) {
    size_t at = f->n_manifests; /* most come last */
    while (at && f->manifests[at - 1].epoch >= epoch) at--;
    return at;
}

static bool is_old(const struct files *f, int64_t since, int64_t now) {
    return since <= now - f->keep_us;
}

static void release_rests(struct files *f, int64_t now) {
    for (size_t i = f->n_rests; i-- > 0;) {
        if (!is_old(f, f->rests[i].since_us, now)) continue;
        give_up(f, &f->rests[i]);
        take_out(f->rests, &f->n_rests, i);
    }
}

/* ---- looking through the folder ---- */

struct listing {
    struct run **runs; /* by name */
    size_t n;
};

static int by_name(const void *a, const void *b) {
    const struct run *const *x = a, *const *y = b;
    return strcmp((*x)->file, (*y)->file);
}

static int with_name(const void *name, const void *run) {
    const struct run *const *r = run;
    return strcmp(name, (*r)->file);
}

static int by_epoch(const void *a, const void *b) {
    const struct kept *x = a, *y = b;
    return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

static struct run *find(const struct listing *l, const char *name) {
    struct run **at = l->n ? bsearch(name, l->runs, l->n, sizeof *l->runs, with_name) : NULL;
    return at ? *at : NULL;
}

static void note(struct files *f, struct listing *l, const char *name) {
    uint64_t epoch;
    size_t length = strlen(name);
    bool temp = length > 4 && strcmp(name + length - 4, ".tmp") == 0;
    if (temp && (strncmp(name, ".run-", 5) == 0 || strncmp(name, ".manifest-", 10) == 0)) {
        unlinkat(f->folder, name, 0);
    } else if (sealed_is_named(name, MANIFEST_ROLE, &epoch)) {
        add(&f->manifests, &f->n_manifests, f->n_manifests, (struct kept){.epoch = epoch});
    } else if (strncmp(name, "run-", 4) == 0 && length < RUN_NAME) {
        l->runs = mem_grow(l->runs, l->n + 1, sizeof *l->runs);
        l->runs[l->n] = mem_zero(1, sizeof **l->runs);
        memcpy(l->runs[l->n++]->file, name, length);
    }
}

static bool list(struct files *f, struct listing *l, struct err *e) {
    DIR *folder = io_list_folder(f->folder, ".");
    if (!folder) return err_errno(e, EXIT_IO, errno, "cannot read the folder");
    errno = 0;
    for (struct dirent *d; (d = readdir(folder)); errno = 0) note(f, l, d->d_name);
    bool ok = errno == 0 || err_errno(e, EXIT_IO, errno, "cannot read the folder");
    closedir(folder);
    if (l->n) qsort(l->runs, l->n, sizeof *l->runs, by_name);
    if (f->n_manifests) qsort(f->manifests, f->n_manifests, sizeof *f->manifests, by_epoch);
    return ok;
}

static int64_t changed_us(const struct files *f, const char *name, int64_t now) {
    struct stat is;
    return fstatat(f->folder, name, &is, AT_SYMLINK_NOFOLLOW) == 0 ? clock_micros(is.st_mtim) : now;
}

static void keep(struct kept *k, struct run *run) {
    k->runs = mem_grow(k->runs, k->n + 1, sizeof *k->runs);
    k->runs[k->n++] = files_use(run);
}

struct named {
    const struct listing *listing;
    struct kept *by;
};

static void note_named(void *ctx, const char *file) {
    struct named *named = ctx;
    struct run *run = find(named->listing, file);
    if (run) keep(named->by, run);
}

/* What other manifests name stays as long as they do. */
static void keep_named(struct files *f, const struct listing *l, struct kept *k, int64_t now) {
    char name[SEALED_NAME];
    k->since_us = changed_us(f, sealed_name(name, MANIFEST_ROLE, k->epoch), now);
    manifest_each_file(f->folder, k->epoch, note_named, &(struct named){l, k});
}

static bool find_restored(
    const struct listing *l, const struct manifest *m, struct run ***found, struct err *e) {
    for (size_t t = 0; t < m->n_tables; t++)
        for (size_t i = 0; i < m->tables[t].n; i++) {
            const struct run *want = &m->tables[t].runs[i];
            struct run *run = find(l, want->file);
            if (!run) return checkpoint_damaged(e, want->file, "is missing");
            size_t refs = run->refs;
            *run = *want;
            run->refs = refs + 1;
            found[t][i] = run;
        }
    return true;
}

/* Runs that nothing names were left by a run that died; whoever copies the folder may just have read their name. */
static void set_aside(struct files *f, const struct listing *l, int64_t now) {
    for (size_t i = 0; i < l->n; i++) {
        struct kept rest = {.since_us = changed_us(f, l->runs[i]->file, now)};
        if (l->runs[i]->refs) continue;
        keep(&rest, l->runs[i]);
        add(&f->rests, &f->n_rests, f->n_rests, rest);
    }
    release_rests(f, now);
}

bool files_open(struct files *f, int folder, int64_t keep_us, const struct manifest *restored,
    struct run ***found, struct err *e) {
    struct listing l = {0};
    int64_t now = clock_us(CLOCK_REALTIME);
    *f = (struct files){.folder = folder, .keep_us = keep_us};
    bool ok = list(f, &l, e);
    for (size_t i = 0; ok && i < f->n_manifests; i++) keep_named(f, &l, &f->manifests[i], now);
    ok = ok && (!restored || find_restored(&l, restored, found, e));
    if (ok) set_aside(f, &l, now);
    for (size_t i = 0; !ok && i < l.n; i++)
        if (!l.runs[i]->refs) free(l.runs[i]);
    free(l.runs);
    return ok;
}

/* ---- epochs come and go ---- */

void files_add(struct files *f, uint64_t epoch, struct run **runs, size_t n) {
    size_t at = place(f, epoch);
    struct kept one = {.epoch = epoch, .since_us = clock_us(CLOCK_REALTIME), .runs = runs, .n = n};
    for (size_t i = 0; i < n; i++) files_use(runs[i]);
    if (at == f->n_manifests || f->manifests[at].epoch != epoch) {
        add(&f->manifests, &f->n_manifests, at, one);
        return;
    }
    /* It took the place of one of a run that died. */
    f->manifests[at].since_us = one.since_us;
    add(&f->rests, &f->n_rests, f->n_rests, f->manifests[at]);
    f->manifests[at] = one;
}

void files_release(struct files *f, uint64_t committed) {
    char name[SEALED_NAME];
    int64_t now = clock_us(CLOCK_REALTIME);
    /* Each is superseded by the next one, once that is committed. */
    while (f->n_manifests > 1 && f->manifests[1].epoch <= committed &&
           is_old(f, f->manifests[1].since_us, now)) {
        unlinkat(f->folder, sealed_name(name, MANIFEST_ROLE, f->manifests[0].epoch), 0);
        give_up(f, &f->manifests[0]);
        take_out(f->manifests, &f->n_manifests, 0);
    }
    release_rests(f, now);
}

static void forget_all(struct kept *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; r < list[i].n; r++)
            if (!--list[i].runs[r]->refs) free(list[i].runs[r]);
        free(list[i].runs);
    }
    free(list);
}

void files_close(struct files *f) {
    forget_all(f->manifests, f->n_manifests);
    forget_all(f->rests, f->n_rests);
    *f = (struct files){0};
}
