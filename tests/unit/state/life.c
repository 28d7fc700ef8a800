/* What callers may rely upon: order, limits, failures, how long files stay, copies that are taken beside. */
#include "script.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct slice text(const char *s) { return slice_of(s); }

static void order_of_a_map_is_asked_for(void) {
    struct err e = {0};
    struct model none;
    folder_make();
    struct state *s = open_at(0, 0, &none, &e);
    CHECK(put(s, 0, 5, text("b"), text("1"), &e));
    CHECK(put(s, 0, 5, text("ba"), text("1"), &e));
    CHECK(put(s, 1, 7, text("z"), text(""), &e) && put(s, 1, 3, text("a"), text(""), &e));
    CHECK(state_snapshot(s, 1, meta_of(1), &e));
    CHECK(put(s, 0, 4, text("a"), text("2"), &e)); /* a new beginning */
    CHECK(!put(s, 0, 4, text("a"), text("3"), &e) && e.code == EXIT_BUG);
    CHECK(!state_snapshot(s, 2, meta_of(2), &e) && e.code == EXIT_BUG);
    state_close(s);
    s = open_at(0, 0, &none, &e);
    CHECK(put(s, 0, 4, text("b"), text("2"), &e));
    CHECK(!state_drop(s, 0, 4, text("a"), &e) && e.code == EXIT_BUG);
    state_close(s);
    s = open_at(0, 0, &none, &e);
    CHECK(!state_drop(s, 1, 4, text("a"), &e) && e.code == EXIT_BUG);
    state_close(s);
    s = open_at(0, 0, &none, &e);
    CHECK(state_snapshot(s, 5, meta_of(5), &e) && !state_snapshot(s, 5, meta_of(5), &e));
    CHECK(e.code == EXIT_BUG);
    state_close(s);
    folder_remove();
}

static size_t count_files(const char *pattern) {
    char line[128];
    size_t n = 0;
    snprintf(line, sizeof line, "ls -A %s | grep -c -e '%s'", folder_path, pattern);
    FILE *p = popen(line, "r");
    if (!p || fscanf(p, "%zu", &n) != 1) abort();
    pclose(p);
    return n;
}

static void nothing_changed_writes_a_manifest_only(void) {
    struct err e = {0};
    struct model m;
    folder_make();
    struct state *s = script_open(0, STATE_KEEP_US, &m, &e);
    CHECK(s && script_epoch(s, &m, 1, &e));
    size_t runs = count_files("^run-");
    CHECK(runs == TABLES);
    CHECK(state_snapshot(s, 2, meta_of(2), &e) && count_files("^run-") == runs);
    state_forget(s, 1, INT64_MAX);
    CHECK(put(s, 1, 9, text("below"), text(""), &e));
    CHECK(state_snapshot(s, 3, meta_of(3), &e) && count_files("^run-") == runs);
    CHECK(state_figures(s).runs == runs - 1);
    state_close(s);
    model_free(&m);
    folder_remove();
}

/* Each fails in a process of its own, whose files may not be longer than so. */
static int with_file_limit(rlim_t most, int (*body)(void)) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){most, most});
        _exit(body());
    }
    if (child < 0 || waitpid(child, &status, 0) != child) abort();
    return status;
}

static char large[50000];

static bool names_a_run(const struct err *e) {
    if (e->code != EXIT_IO || !strstr(e->text, "run-"))
        fprintf(stderr, "%d: %s\n", e->code, e->text);
    return e->code == EXIT_IO && strstr(e->text, "run-") && strstr(e->text, "File too large");
}

static int put_too_much(void) {
    struct err e = {0}, again = {0};
    struct model m;
    struct state *s = script_open(1, 0, &m, &e);
    bool ok = s != NULL;
    for (int i = 0; ok && i < 100; i++)
        ok = put(s, 1, 100, (struct slice){(char *)&i, sizeof i},
            (struct slice){large, sizeof large}, &e);
    bool right = s && !ok && names_a_run(&e) && !state_snapshot(s, 2, meta_of(2), &again) &&
                 names_a_run(&again);
    state_close(s);
    return !right;
}

/* No run is too long, but what they would make together. */
static int merge_too_much(void) {
    struct err e = {0};
    struct model m;
    struct state *s = script_open(1, 0, &m, &e);
    bool ok = s != NULL;
    for (uint64_t epoch = 2; ok && epoch < 9; epoch++) {
        for (int i = 0; ok && i < 10; i++)
            ok = put(s, 1, 100, (struct slice){(char *)&i, sizeof i},
                (struct slice){large, sizeof large}, &e);
        ok = ok && state_snapshot(s, epoch, meta_of(epoch), &e);
        if (ok) state_settle(s);
    }
    bool right = s && !ok && names_a_run(&e);
    state_close(s);
    return !right;
}

static void a_full_disk_is_told(void) {
    struct err e = {0};
    struct model m;
    folder_make();
    struct state *s = script_open(0, 0, &m, &e);
    CHECK(s && script_epoch(s, &m, 1, &e));
    state_close(s);
    model_free(&m);
    CHECK(with_file_limit(1000000, put_too_much) == 0);
    CHECK(with_file_limit(1000000, merge_too_much) == 0);
    CHECK(count_files("tmp$") == 0);
    s = script_open(1, 0, &m, &e);
    CHECK(s != NULL);
    state_close(s);
    model_free(&m);
    folder_remove();
}

static void superseded_epochs_stay_for_a_while(void) {
    enum { EPOCHS = 30 };
    struct err e = {0};
    struct model m;
    folder_make();
    struct state *s = script_open(0, STATE_KEEP_US, &m, &e);
    for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        CHECK(script_epoch(s, &m, epoch, &e));
        state_settle(s);
        state_release(s, epoch);
    }
    CHECK(state_figures(s).merges > 3);
    state_close(s);
    model_free(&m);
    /* Runs are as good as the manifests that name them. */
    shell("touch -d '2 hours ago' %s/run-*", folder_path);
    for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        s = script_open(epoch, STATE_KEEP_US, &m, &e);
        CHECK(s != NULL);
        state_close(s);
        model_free(&m);
    }
    /* Until they are old; the newest stays however old it is. */
    shell("touch -d '2 hours ago' %s/*", folder_path);
    s = script_open(EPOCHS, STATE_KEEP_US, &m, &e);
    CHECK(s != NULL);
    if (s) state_release(s, EPOCHS);
    CHECK(count_files("^manifest-") == 1);
    state_close(s);
    model_free(&m);
    CHECK(state_is_whole(folder, EPOCHS, &e));
    folder_remove();
}

/* What a run that died had written of an epoch is replaced, and stays as long: a copier may have read the manifest. */
static void a_replaced_epoch_stays_for_a_while(void) {
    struct err e = {0};
    struct model m;
    for (int kept = 0; kept < 2; kept++) {
        folder_make();
        for (int life = 0; life < 3; life++) {
            struct state *s = script_open(life > 0, kept ? STATE_KEEP_US : 0, &m, &e);
            for (uint64_t epoch = life ? 2 : 1; s && epoch <= 3; epoch++)
                CHECK(script_epoch(s, &m, epoch, &e));
            CHECK(s && count_files("^manifest-") == 3);
            if (s) state_release(s, 1);
            state_close(s);
            model_free(&m);
        }
        CHECK(count_files("^run-") == (kept ? TABLES * (1 + 3 * 2) : TABLES * 3));
        folder_remove();
    }
}

static volatile uint64_t *acknowledged;

static int write_epochs(void) {
    struct err e = {0};
    struct model m;
    struct state *s = script_open(0, STATE_KEEP_US, &m, &e);
    bool ok = s != NULL;
    for (uint64_t epoch = 1; ok && epoch <= 400; epoch++) {
        ok = script_epoch(s, &m, epoch, &e);
        if (ok) *acknowledged = epoch;
        state_release(s, epoch);
    }
    if (!ok) fprintf(stderr, "%s\n", e.text);
    state_close(s);
    return !ok;
}

static void a_copy_taken_beside_opens(void) {
    char copy[80], original[sizeof folder_path];
    int status, moved = 0;
    folder_make();
    memcpy(original, folder_path, sizeof original);
    acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) _exit(write_epochs());
    for (int i = 0; i < 20; i++) {
        struct err e = {0};
        struct model m;
        uint64_t epoch = *acknowledged;
        snprintf(copy, sizeof copy, "%.48s-copy", original);
        shell("cp -r %s %s 2>/dev/null || :", original, copy);
        moved += *acknowledged > epoch;
        int real = folder;
        folder = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct state *s = script_open(epoch, STATE_KEEP_US, &m, &e);
        if (!s) fprintf(stderr, "epoch %llu: %s\n", (unsigned long long)epoch, e.text);
        CHECK(s != NULL);
        CHECK(s && script_epoch(s, &m, epoch + 1, &e));
        state_close(s);
        model_free(&m);
        close(folder);
        folder = real;
        shell("rm -rf %s", copy);
    }
    CHECK(moved > 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    folder_remove();
}

/* 1% of a large state is changed: the snapshot writes little more than that. */
static void a_snapshot_costs_what_changed(void) {
    enum { ENTRIES = 1000000 };
    struct err e = {0};
    struct model none;
    char key[16] = {0};
    folder_make();
    struct state *s = open_at(0, 0, &none, &e);
    for (int i = 0; i < ENTRIES; i++) {
        memcpy(key, &i, sizeof i);
        CHECK(put(s, 1, i, (struct slice){key, sizeof key}, (struct slice){0}, &e));
    }
    CHECK(state_snapshot(s, 1, meta_of(1), &e));
    CHECK(state_bytes(s) <= 26 * (uint64_t)ENTRIES);
    uint64_t before = state_figures(s).snapshot_bytes;
    for (int i = ENTRIES; i < ENTRIES + ENTRIES / 100; i++) {
        memcpy(key, &i, sizeof i);
        CHECK(put(s, 1, i, (struct slice){key, sizeof key}, (struct slice){0}, &e));
    }
    CHECK(state_snapshot(s, 2, meta_of(2), &e));
    CHECK((state_figures(s).snapshot_bytes - before) * 100 < state_bytes(s) * 3);
    state_close(s);
    folder_remove();
}

int main(void) {
    RUN(order_of_a_map_is_asked_for);
    RUN(nothing_changed_writes_a_manifest_only);
    RUN(a_full_disk_is_told);
    RUN(superseded_epochs_stay_for_a_while);
    RUN(a_replaced_epoch_stays_for_a_while);
    RUN(a_copy_taken_beside_opens);
    RUN(a_snapshot_costs_what_changed);
    return check_done();
}
