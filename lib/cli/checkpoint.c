#include "cli/checkpoint.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "state/sealed.h"
#include "state/state.h"

enum { WAIT_MS = 5000, POLL_MS = 20, TOGETHER_US = SECOND_US / 2 };

static const char *const records[] = {
    [ROLE_STAGE] = "manifest", [ROLE_SINK] = "ack", [ROLE_PASSING_SINK] = "passed"};

const char *role_record(enum role role) { return records[role]; }

/* ---- joining ---- */

/* Until the stage has told its query there, which is the first thing, it is not sure to be durable. */
static int make_folder(const char *path, const char *id, struct err *e) {
    struct buf name = {0};
    buf_printf(&name, "%s/%s%c", path, id, 0);
    int fd = -1;
    if (io_make_path(AT_FDCWD, name.p, NULL, e)) {
        fd = open(name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) err_errno(e, EXIT_NO_OUTPUT, errno, "%s: cannot open", name.p);
    }
    buf_free(&name);
    if (fd < 0 || sealed_is_there(fd, "query", 1) || io_sync_above(fd, e)) return fd;
    close(fd);
    return -1;
}

/* Who holds a lock: its role and process, its parent and group, by which the stages of one line know each other. */
struct holder {
    char role;
    int pid, parent, group;
};

static bool read_holder(int lock, struct holder *h) {
    char text[128] = "";
    ssize_t n = pread(lock, text, sizeof text - 1, 0);
    return n > 0 && sscanf(text, "%c %d %d %d", &h->role, &h->pid, &h->parent, &h->group) == 4;
}

/* Once a stage is ready its role is written large. */
static bool write_holder(const struct checkpoint *c, bool ready, struct err *e) {
    char text[128], role = records[c->role][0];
    int n = snprintf(text, sizeof text, "%c %d %d %d\n", ready ? toupper(role) : role,
        (int)getpid(), (int)getppid(), (int)getpgrp());
    return (ftruncate(c->lock, 0) == 0 && pwrite(c->lock, text, (size_t)n, 0) == n) ||
           err_errno(e, EXIT_NO_OUTPUT, errno, "%s/%s: cannot write the lock", c->path, c->id);
}

/* All lines of a script have its parent and group; those of one line begin together. */
static bool is_of_line(const struct checkpoint *c, const struct holder *h, int64_t began) {
    struct stat st;
    return h->parent == (int)getppid() && h->group == (int)getpgrp() && h->pid != h->parent &&
           fstat(c->lock, &st) == 0 && clock_micros(st.st_mtim) > began - TOGETHER_US;
}

static bool is_held(const struct checkpoint *c, int64_t began, struct err *e) {
    struct holder h = {0};
    bool known = read_holder(c->lock, &h);
    if (known && is_of_line(c, &h, began))
        return err_set(e, EXIT_USAGE,
            "another stage of this pipeline has the id %s (process %d): --id names one of them "
            "otherwise",
            c->id, h.pid);
    return err_set(e, EXIT_RETRY, "%s/%s: another run of this pipeline is at work (process %d)%s",
        c->path, c->id, h.pid,
        known && h.group == (int)getpgrp() ? ", or another stage of this one has the same id" : "");
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* A run that was killed may take a moment to die. False: with errno; EWOULDBLOCK or EINTR, it is held still. */
static bool wait_for_lock(int lock) {
    for (int waited = 0; flock(lock, LOCK_EX | LOCK_NB) != 0; waited += POLL_MS) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= WAIT_MS) return false;
        io_check();
        pause_ms(POLL_MS);
    }
    return true;
}

static bool take_lock(struct checkpoint *c, struct err *e) {
    struct stat st;
    int64_t began = clock_us(CLOCK_REALTIME);
    c->lock = openat(c->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->lock < 0)
        return err_errno(e, EXIT_NO_OUTPUT, errno, "%s/%s: cannot open the lock", c->path, c->id);
    if (!wait_for_lock(c->lock))
        return errno == EWOULDBLOCK || errno == EINTR
                   ? is_held(c, began, e)
                   : err_errno(e, EXIT_NO_OUTPUT, errno, "%s/%s: cannot lock", c->path, c->id);
    if (!write_holder(c, false, e)) return false;
    if (fstat(c->lock, &st) != 0)
        return err_errno(e, EXIT_IO, errno, "%s/%s: cannot look at the lock", c->path, c->id);
    c->joined = clock_micros(st.st_mtim);
    return true;
}

int checkpoint_lock_name(const struct checkpoint *c) {
    int lock = openat(c->root, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0 || wait_for_lock(lock)) return lock;
    close(lock);
    return -1;
}

/* ---- the other stages ---- */

struct stages {
    struct stage_folder {
        char *name;
        int fd;
    } * of;
    size_t n;
};

static void stages_free(struct stages *s) {
    for (size_t i = 0; i < s->n; i++) {
        close(s->of[i].fd);
        free(s->of[i].name);
    }
    free(s->of);
    *s = (struct stages){0};
}

static bool stages_list(const struct checkpoint *c, struct stages *s, struct err *e) {
    DIR *d = io_list_folder(c->root, ".");
    *s = (struct stages){0};
    if (!d) return err_errno(e, EXIT_CONFIG, errno, "%s: cannot list", c->path);
    for (struct dirent *x; (x = readdir(d));) {
        int at =
            *x->d_name == '.' ? -1 : openat(c->root, x->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (at < 0) continue;
        s->of = mem_grow(s->of, s->n + 1, sizeof *s->of);
        s->of[s->n++] = (struct stage_folder){mem_str(slice_of(x->d_name)), at};
    }
    closedir(d);
    return true;
}

/* The stage that has the folder, or had it last. */
struct seen {
    int pid; /* 0: there is none */
    bool sink, runs, ready;
    int64_t at; /* when it said so, µs by the clock of files */
};

static struct seen look_in(int folder) {
    struct seen seen = {0};
    struct holder h;
    struct stat st;
    int lock = openat(folder, "lock", O_RDONLY | O_CLOEXEC);
    if (lock < 0) return seen;
    bool runs = flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (read_holder(lock, &h) && fstat(lock, &st) == 0)
        seen = (struct seen){h.pid, tolower(h.role) == records[ROLE_SINK][0], runs, isupper(h.role),
            clock_micros(st.st_mtim)};
    close(lock);
    return seen;
}

static struct seen look_for_sink_in(int folder) {
    struct seen seen = look_in(folder);
    return seen.sink ? seen : (struct seen){0};
}

static bool is_name(const char *id) {
    return *id && *id != '.' && !strchr(id, '/') && strlen(id) < 200;
}

/* Where file times are coarse the evsink of a run that is over looks like one of this run. */
static void note_who_left(struct checkpoint *c) {
    struct stages s;
    struct err ignored;
    if (!stages_list(c, &s, &ignored)) return;
    for (size_t i = 0; i < s.n; i++) {
        struct seen seen = look_for_sink_in(s.of[i].fd);
        if (seen.pid && !seen.runs) c->gone_pid = seen.pid, c->gone_at = seen.at;
    }
    stages_free(&s);
}

bool checkpoint_join(
    struct checkpoint *c, const char *path, const char *id, enum role role, struct err *e) {
    *c = (struct checkpoint){path, id, role, -1, -1, -1, -1, 0, 0, 0};
    if (!is_name(id))
        return err_set(e, EXIT_USAGE, "--id: names no folder: %s", QUOTED(slice_of(id)));
    c->folder = make_folder(path, id, e);
    if (c->folder < 0) return false;
    c->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->root < 0) return err_errno(e, EXIT_NO_OUTPUT, errno, "%s: cannot open", path);
    note_who_left(c);
    return take_lock(c, e);
}

static bool newest(
    const struct stage_folder *of, const char *what, uint64_t *epoch, struct err *e) {
    return sealed_newest(of->fd, what, epoch, e) || err_at(e, "%s", of->name);
}

static bool two_sinks(const char *a, const char *b, struct err *e) {
    return err_set(e, EXIT_CONFIG,
        "%s and %s both end the pipeline: a pipeline is a line, `evsink --pass A | evsink B` are "
        "two sinks in it",
        a, b);
}

bool checkpoint_is_line(const struct checkpoint *c, struct err *e) {
    struct stages s;
    bool ok = stages_list(c, &s, e);
    for (size_t i = 0; ok && i < s.n; i++) {
        uint64_t acknowledged;
        if (strcmp(s.of[i].name, c->id) == 0) continue;
        ok = newest(&s.of[i], records[ROLE_SINK], &acknowledged, e);
        if (ok && (acknowledged || look_for_sink_in(s.of[i].fd).runs))
            ok = two_sinks(s.of[i].name, c->id, e);
    }
    stages_free(&s);
    return ok;
}

bool checkpoint_ready(const struct checkpoint *c, struct err *e) {
    return write_holder(c, true, e);
}

bool checkpoint_sink_came(const struct checkpoint *c) {
    struct stages s;
    struct err ignored;
    bool came = false;
    if (!stages_list(c, &s, &ignored)) return false;
    for (size_t i = 0; !came && i < s.n; i++) {
        struct seen seen = look_for_sink_in(s.of[i].fd);
        bool left = seen.pid == c->gone_pid && seen.at == c->gone_at;
        came = seen.ready && !left && seen.at >= c->joined;
    }
    stages_free(&s);
    return came;
}

bool checkpoint_has_sink(const struct checkpoint *c) {
    struct stages s;
    struct err ignored;
    bool has = !stages_list(c, &s, &ignored);
    for (size_t i = 0; !has && i < s.n; i++) has = look_for_sink_in(s.of[i].fd).runs;
    stages_free(&s);
    return has;
}

/* The folder of the sink at the end, or NULL where none has acknowledged anything. */
static bool find_sink(
    const struct stages *s, const struct stage_folder **sink, uint64_t *epoch, struct err *e) {
    *sink = NULL;
    *epoch = 0;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t acknowledged;
        if (!newest(&s->of[i], records[ROLE_SINK], &acknowledged, e)) return false;
        if (!acknowledged) continue;
        if (*sink) return two_sinks((*sink)->name, s->of[i].name, e);
        *sink = &s->of[i];
        *epoch = acknowledged;
    }
    return true;
}

/* ---- what to restore ---- */

/* A tool that was started where the checkpoint is not its own, or failed before its first epoch ended, did not. */
static bool took_part(const struct stage_folder *of, bool *took, struct err *e) {
    static const char *const kinds[] = {"manifest", "passed", "ack", "begun"};
    *took = false;
    for (size_t i = 0; !*took && i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t epoch;
        if (!newest(of, kinds[i], &epoch, e)) return false;
        *took = epoch > 0;
    }
    return true;
}

/* Has the stage what it needs to go on behind the epoch? */
static bool has_record(const struct stage_folder *of, uint64_t epoch, struct err *e) {
    if (!epoch || sealed_is_there(of->fd, records[ROLE_SINK], epoch) ||
        sealed_is_there(of->fd, records[ROLE_PASSING_SINK], epoch))
        return true;
    bool took;
    if (!took_part(of, &took, e)) return false;
    return !took || state_is_whole(of->fd, epoch, e) || err_at(e, "%s", of->name);
}

static bool is_listed(const char *line, const char *id) {
    size_t n = strlen(id);
    for (const char *at = line; *at; at += strcspn(at, "/") + 1)
        if (strncmp(at, id, n) == 0 && at[n] == '/') return true;
    return false;
}

bool checkpoint_has_only(const struct checkpoint *c, const char *line, struct err *e) {
    struct stages s;
    bool ok = stages_list(c, &s, e), took;
    for (size_t i = 0; ok && i < s.n; i++) {
        const char *id = s.of[i].name;
        if (strcmp(id, c->id) == 0 || is_listed(line, id)) continue;
        ok = took_part(&s.of[i], &took, e);
        if (!ok || !took) continue;
        ok = err_set(e, EXIT_CONFIG,
            "%s: %s has a state in the checkpoint and is not in the line: run it as it was, or "
            "begin anew with --reset-state",
            c->path, id);
    }
    stages_free(&s);
    return ok;
}

static bool has_plan(const struct checkpoint *c, uint64_t epoch, struct err *e) {
    return !epoch || sealed_is_there(c->folder, "plan", epoch) ||
           err_set(e, EXIT_CONFIG,
               "%s/plan-%" PRIu64 " is missing: it says how far the input was read", c->id, epoch);
}

static bool can_restore(
    const struct checkpoint *c, const struct stages *s, uint64_t epoch, struct err *e) {
    bool ok = has_plan(c, epoch, e);
    for (size_t i = 0; ok && i < s->n; i++) ok = has_record(&s->of[i], epoch, e);
    return ok;
}

/* The last epoch that is planned without a gap behind this one. */
static bool find_planned(
    const struct checkpoint *c, uint64_t epoch, uint64_t *planned, struct err *e) {
    uint64_t *plans;
    size_t n;
    if (!sealed_list(c->folder, "plan", &plans, &n, e)) return err_at(e, "%s", c->id);
    *planned = epoch;
    for (size_t i = 0; i < n; i++) *planned += plans[i] == *planned + 1;
    /* Plans without those of the first epochs: some were lost. */
    bool ok = epoch || *planned || !n;
    if (!ok) err_set(e, EXIT_CONFIG, "%s/plan-1 is missing, and no epoch was acknowledged", c->id);
    free(plans);
    return ok;
}

static bool unrestorable(const struct checkpoint *c, struct err *e) {
    struct buf why = {0};
    buf_adds(&why, e->text);
    err_set(e, EXIT_CONFIG,
        "%s: %.*s; bring the folder back from a copy, or begin anew with --reset-state", c->path,
        (int)why.n, why.p);
    buf_free(&why);
    return false;
}

/* Of epochs that will be cut anew nothing may be left; acknowledgements of those that will be repeated may not
 * run ahead of the states that a repetition replaces. */
static bool prune_stage(
    const struct stage_folder *of, uint64_t epoch, uint64_t planned, bool back, struct err *e) {
    static const char *const kinds[] = {"plan", "journal", "manifest", "passed", "begun"};
    bool removed = false, ok = true;
    for (size_t i = 0; ok && i < sizeof kinds / sizeof *kinds; i++)
        ok = sealed_remove_beyond(of->fd, kinds[i], planned, &removed, e);
    ok =
        ok && sealed_remove_beyond(of->fd, records[ROLE_SINK], back ? epoch : planned, &removed, e);
    if (ok && removed && fsync(of->fd) != 0) ok = err_errno(e, EXIT_IO, errno, "cannot sync");
    return ok || err_at(e, "%s", of->name);
}

/* The greatest acknowledged epoch that all can be restored to; of a folder that was copied while the pipeline ran, its
 * parts may be of different moments. */
static bool choose(const struct checkpoint *c, const struct stages *s, uint64_t *epoch, bool *back,
    struct err *e) {
    const struct stage_folder *sink;
    struct err first, other;
    uint64_t *acks = NULL;
    size_t n = 0;
    if (!find_sink(s, &sink, epoch, e)) return false;
    *back = false;
    if (!sink) return true;
    if (fsync(sink->fd) != 0) return err_errno(e, EXIT_IO, errno, "%s: cannot sync", sink->name);
    if (can_restore(c, s, *epoch, &first)) return true;
    *back = true;
    if (!sealed_list(sink->fd, records[ROLE_SINK], &acks, &n, e)) return false;
    bool found = false;
    while (!found && n-- > 0) found = can_restore(c, s, acks[n], &other);
    if (found) *epoch = acks[n];
    free(acks);
    if (!found) *epoch = 0;
    if (found || has_plan(c, 1, &other)) return true;
    *e = first;
    return unrestorable(c, e);
}

bool checkpoint_is_new(const struct checkpoint *c, bool *is_new, struct err *e) {
    struct stages s;
    bool ok = stages_list(c, &s, e), took = false;
    for (size_t i = 0; ok && !took && i < s.n; i++) ok = took_part(&s.of[i], &took, e);
    *is_new = !took;
    stages_free(&s);
    return ok;
}

/* Whoever else has plans reads the source. */
static bool is_source(const struct checkpoint *c, const struct stages *s, struct err *e) {
    for (size_t i = 0; i < s->n; i++) {
        uint64_t planned;
        if (strcmp(s->of[i].name, c->id) == 0) continue;
        if (!newest(&s->of[i], "plan", &planned, e)) return false;
        if (planned)
            return err_set(e, EXIT_CONFIG,
                "%s is the checkpoint of a pipeline whose source %s reads: give this one its own, "
                "or run it without: env -u EV_CHECKPOINT",
                c->path, s->of[i].name);
    }
    return true;
}

bool checkpoint_choose(
    const struct checkpoint *c, uint64_t *epoch, uint64_t *planned, bool *back, struct err *e) {
    struct stages s;
    bool ok = stages_list(c, &s, e) && is_source(c, &s, e) && choose(c, &s, epoch, back, e) &&
              (find_planned(c, *epoch, planned, e) || unrestorable(c, e));
    for (size_t i = 0; ok && i < s.n; i++) ok = prune_stage(&s.of[i], *epoch, *planned, *back, e);
    stages_free(&s);
    return ok;
}

static bool look_for_sink(struct checkpoint *c, struct err *e) {
    struct stages s;
    const struct stage_folder *sink;
    uint64_t epoch;
    bool ok = stages_list(c, &s, e) && find_sink(&s, &sink, &epoch, e);
    if (ok && sink) c->sink = fcntl(sink->fd, F_DUPFD_CLOEXEC, 0);
    stages_free(&s);
    return ok;
}

bool checkpoint_committed(struct checkpoint *c, uint64_t *committed, struct err *e) {
    uint64_t before = *committed;
    if (c->sink < 0 && !look_for_sink(c, e)) return false;
    while (c->sink >= 0 && sealed_is_there(c->sink, records[ROLE_SINK], *committed + 1))
        ++*committed;
    return *committed == before || fsync(c->sink) == 0 ||
           err_errno(e, EXIT_IO, errno, "%s: cannot sync", c->path);
}

/* ---- beginning anew ---- */

static bool clear_folder(const struct checkpoint *c, const struct stage_folder *of, struct err *e) {
    DIR *d = io_list_folder(of->fd, ".");
    bool ok = d || err_errno(e, EXIT_IO, errno, "cannot list");
    for (struct dirent *x; ok && (x = readdir(d));)
        if (strcmp(x->d_name, "lock") != 0 && strcmp(x->d_name, ".") != 0 &&
            strcmp(x->d_name, "..") != 0)
            ok = unlinkat(of->fd, x->d_name, 0) == 0 ||
                 err_errno(e, EXIT_IO, errno, "cannot remove %s", x->d_name);
    if (d) closedir(d);
    ok = ok && (fsync(of->fd) == 0 || err_errno(e, EXIT_IO, errno, "cannot sync"));
    return ok || err_at(e, "%s/%s", c->path, of->name);
}

/* Stages of an earlier run; of ours nobody is ready before the source has begun the stream. */
static bool wait_for_others(const struct checkpoint *c, const struct stages *s, struct err *e) {
    int waited = 0;
    for (size_t i = 0; i < s->n;) {
        struct seen seen = look_in(s->of[i].fd);
        if (!seen.runs || !seen.ready) i++;
        else if (waited >= WAIT_MS)
            return err_set(e, EXIT_RETRY,
                "%s/%s: another run of this pipeline is at work (process %d)", c->path,
                s->of[i].name, seen.pid);
        else io_check(), pause_ms(POLL_MS), waited += POLL_MS;
    }
    return true;
}

bool checkpoint_clear(const struct checkpoint *c, struct err *e) {
    struct stages s;
    bool ok = stages_list(c, &s, e) && wait_for_others(c, &s, e);
    for (size_t i = 0; ok && i < s.n; i++) ok = clear_folder(c, &s.of[i], e);
    stages_free(&s);
    return ok;
}
