/* A stage that dies at each point of a snapshot, in each of its epochs, and starts again from the last epoch that was
 * acknowledged. */
#include "script.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/crash.h"

enum { LAST = 9 };
static volatile uint64_t *acknowledged; /* shared with the children */

/* What the stage does, from the epoch that is committed to the last. Returns an exit status. */
static int stage(const char *crash_at) {
    struct err e = {0};
    struct model m;
    if (crash_at) setenv("EV_CRASH_AT", crash_at, 1);
    crash_stage("it");
    struct state *s = script_open(*acknowledged, 0, &m, &e);
    bool ok = s != NULL;
    for (uint64_t epoch = *acknowledged + 1; ok && epoch <= LAST; epoch++) {
        ok = script_epoch(s, &m, epoch, &e);
        if (!ok) break;
        state_settle(s); /* so that points of merges are passed */
        *acknowledged = epoch;
        state_release(s, epoch);
    }
    if (!ok) fprintf(stderr, "%s: %s\n", crash_at ? crash_at : "started again", e.text);
    state_close(s);
    model_free(&m);
    return ok ? 0 : 1;
}

static int run_stage(const char *crash_at) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) _exit(stage(crash_at));
    if (child < 0 || waitpid(child, &status, 0) != child) abort();
    return status;
}

/* What is left is the last manifest and what it names: a table has at most as many runs as there were epochs. */
static void check_tidy(void) {
    size_t manifests = 0, runs = 0;
    DIR *d = opendir(folder_path);
    for (struct dirent *f; (f = readdir(d));) {
        if (strncmp(f->d_name, "manifest-", 9) == 0) manifests++;
        else if (strncmp(f->d_name, "run-", 4) == 0) runs++;
        else CHECK(strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0);
    }
    closedir(d);
    struct err e;
    struct model m;
    struct state *s = script_open(LAST, 0, &m, &e);
    CHECK(s != NULL);
    model_free(&m);
    if (!s) return;
    CHECK(state_snapshot(s, LAST + 1, meta_of(LAST + 1), &e));
    state_release(s, LAST + 1);
    CHECK(manifests == 1 && runs <= state_figures(s).runs + TABLES);
    state_close(s);
}

/* Returns whether the stage came to the point. */
static bool dies_at(const char *point, int epoch) {
    char at[64];
    snprintf(at, sizeof at, "it:%s:%d", point, epoch);
    folder_make();
    *acknowledged = 0;
    int status = run_stage(at);
    bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK(died || status == 0);
    CHECK(!died || *acknowledged < (uint64_t)epoch || strncmp(point, "merge-", 6) == 0);
    CHECK(run_stage(NULL) == 0);
    CHECK(*acknowledged == LAST);
    check_tidy();
    if (!check_ok) fprintf(stderr, "at %s\n", at);
    folder_remove();
    return died;
}

static void each_step_of_a_snapshot(void) {
    const char *const points[] = {
        "run-written", "run-renamed", "manifest-written", "manifest-renamed", "manifest-synced"};
    for (size_t p = 0; p < sizeof points / sizeof *points; p++)
        for (int epoch = 1; epoch <= LAST; epoch++) CHECK(dies_at(points[p], epoch));
}

static void each_step_of_a_merge(void) {
    int died = 0;
    for (int epoch = 1; epoch <= LAST; epoch++)
        died += dies_at("merge-written", epoch) + dies_at("merge-renamed", epoch);
    CHECK(died >= 4);
}

/* Anywhere else: killed after a while, again and again. */
static void any_moment(void) {
    uint64_t rng = random_seed();
    int killed = 0;
    folder_make();
    *acknowledged = 0;
    for (int round = 0; round < 60; round++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) _exit(stage(NULL));
        usleep((useconds_t)(random_next(&rng) % 20000));
        kill(child, SIGKILL);
        if (waitpid(child, &status, 0) != child) abort();
        killed += WIFSIGNALED(status);
        CHECK(WIFSIGNALED(status) || status == 0);
        if (*acknowledged < LAST) continue;
        check_tidy();
        folder_remove();
        folder_make();
        *acknowledged = 0;
    }
    CHECK(killed > 5);
    folder_remove();
}

int main(void) {
    acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RUN(each_step_of_a_snapshot);
    RUN(each_step_of_a_merge);
    RUN(any_moment);
    return check_done();
}
