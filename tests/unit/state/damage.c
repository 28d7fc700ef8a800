/* Files of a checkpoint that are missing, cut, changed or older are named, or do not matter; never a wrong answer. */
#include "common.h"

#include <dirent.h>

enum { EPOCHS = 6 };
static struct model want;

/* A state of few runs, so that every byte of it can be damaged. */
static void build(void) {
    struct err e = {0};
    struct model none;
    struct state *s = open_at(0, STATE_KEEP_US, &none, &e);
    CHECK(s != NULL);
    for (uint64_t epoch = 1; s && epoch <= EPOCHS; epoch++) {
        for (unsigned t = 0; t < TABLES; t++) {
            struct items batch = {0};
            for (int i = 0; i < 3; i++) {
                struct item it = {.time = (int64_t)epoch % 3 * 10 + i};
                buf_addc(&it.key, (char)('a' + (kinds[t] == STATE_SET ? (int)epoch : i)));
                it.dropped = kinds[t] == STATE_MAP && i == 1 && epoch == 4;
                if (!it.dropped) buf_printf(&it.value, "%d of %d", i, (int)epoch);
                items_add(&batch, it);
            }
            CHECK(apply(s, &want, t, &batch, &e));
            items_free(&batch);
        }
        CHECK(state_snapshot(s, epoch, meta_of(epoch), &e));
        state_settle(s);
    }
    state_close(s);
}

struct names {
    char at[64][256];
    size_t n;
};

static struct names list_files(void) {
    struct names l = {0};
    DIR *d = opendir(folder_path);
    for (struct dirent *f; (f = readdir(d));)
        if (f->d_name[0] != '.' && l.n < 64) snprintf(l.at[l.n++], sizeof l.at[0], "%s", f->d_name);
    closedir(d);
    return l;
}

static struct buf file_read(const char *name) {
    struct buf b = {0};
    struct stat is;
    int fd = openat(folder, name, O_RDONLY);
    if (fd < 0 || fstat(fd, &is) != 0) abort();
    ssize_t n = read(fd, buf_reserve(&b, (size_t)is.st_size), (size_t)is.st_size);
    if (n != is.st_size) abort();
    b.n = (size_t)n;
    close(fd);
    return b;
}

static void file_write(const char *name, const char *p, size_t n) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n) abort();
    close(fd);
}

/* Opens at the last epoch: either the answer is right, or the file is named. Returns whether it was opened. */
static bool right_or_named(const char *file, const char *how) {
    struct err e = {0};
    struct model loaded;
    struct state *s = open_at(EPOCHS, STATE_KEEP_US, &loaded, &e);
    bool opened = s != NULL;
    bool good =
        s ? model_same(&loaded, &want)
          : e.code == EXIT_CONFIG && strstr(e.text, file) && strstr(e.text, "--reset-state");
    if (!good) fprintf(stderr, "%s, %s: %s\n", file, how, s ? "a wrong answer" : e.text);
    CHECK(good);
    state_close(s);
    model_free(&loaded);
    return opened;
}

/* As right_or_named(), and the check that reads no run must not say more than is so. */
static bool seen_from_outside(void) {
    struct err e;
    return state_is_whole(folder, EPOCHS, &e) || e.code != EXIT_CONFIG;
}

static bool is_needed(const char *file) {
    char newest[64];
    snprintf(newest, sizeof newest, "manifest-%d", EPOCHS);
    struct buf text = file_read(newest);
    buf_addc(&text, 0);
    bool needed = strcmp(file, newest) == 0 || strstr(text.p, file);
    buf_free(&text);
    return needed;
}

/* Some of all bytes and of all places in a byte, more where it matters; manifests are long. */
static size_t stride(const char *file, bool matters) {
    return !matters ? 61 : strncmp(file, "manifest-", 9) == 0 ? 11 : 3;
}

static void each_bit(void) {
    struct names l = list_files();
    size_t needed = 0;
    for (size_t f = 0; f < l.n; f++) {
        bool matters = is_needed(l.at[f]);
        struct buf b = file_read(l.at[f]);
        needed += matters;
        for (size_t bit = 0; check_ok && bit < 8 * b.n; bit += stride(l.at[f], matters)) {
            b.p[bit / 8] ^= (char)(1 << bit % 8);
            file_write(l.at[f], b.p, b.n);
            CHECK(right_or_named(l.at[f], "a bit flipped") == !matters);
            b.p[bit / 8] ^= (char)(1 << bit % 8);
        }
        file_write(l.at[f], b.p, b.n);
        buf_free(&b);
    }
    CHECK(needed > 3 && needed < l.n);
    CHECK(right_or_named("", "untouched"));
}

static void cut_anywhere(void) {
    struct names l = list_files();
    for (size_t f = 0; f < l.n; f++) {
        bool matters = is_needed(l.at[f]);
        struct buf b = file_read(l.at[f]);
        for (size_t n = 0; check_ok && n < b.n; n += stride(l.at[f], matters)) {
            file_write(l.at[f], b.p, n);
            CHECK(right_or_named(l.at[f], "cut") == !matters);
            CHECK(seen_from_outside() == !matters);
        }
        buf_addc(&b, '\n');
        file_write(l.at[f], b.p, b.n);
        CHECK(right_or_named(l.at[f], "a byte more") == !matters);
        file_write(l.at[f], b.p, b.n - 1);
        buf_free(&b);
    }
}

static void missing(void) {
    struct names l = list_files();
    for (size_t f = 0; f < l.n; f++) {
        bool matters = is_needed(l.at[f]);
        struct buf b = file_read(l.at[f]);
        unlinkat(folder, l.at[f], 0);
        CHECK(right_or_named(l.at[f], "missing") == !matters);
        CHECK(seen_from_outside() == !matters);
        file_write(l.at[f], b.p, b.n);
        buf_free(&b);
    }
}

static void another_in_its_place(void) {
    struct names l = list_files();
    for (size_t f = 0; f < l.n; f++)
        for (size_t other = 0; other < l.n; other++) {
            if (other == f || !is_needed(l.at[f])) continue;
            struct buf b = file_read(l.at[f]), o = file_read(l.at[other]);
            file_write(l.at[f], o.p, o.n);
            CHECK(!right_or_named(l.at[f], "replaced"));
            file_write(l.at[f], b.p, b.n);
            buf_free(&b);
            buf_free(&o);
        }
}

static void a_damaged_epoch_is_named(void) {
    struct err e;
    struct model none;
    CHECK(!open_at(EPOCHS + 1, 0, &none, &e));
    CHECK(e.code == EXIT_CONFIG && strstr(e.text, "manifest-7: cannot open"));
    enum state_kind other[] = {STATE_MAP, STATE_MAP, STATE_MAP};
    struct state_options o = {.folder = folder, .tables = other, .n_tables = TABLES};
    CHECK(!state_open(&o, EPOCHS, load_into, &none, &e));
    CHECK(e.code == EXIT_CONFIG && strstr(e.text, "tables of another query"));
    CHECK(state_is_whole(folder, 0, &e));
}

int main(void) {
    folder_make();
    RUN(build);
    RUN(each_bit);
    RUN(cut_anywhere);
    RUN(missing);
    RUN(another_in_its_place);
    RUN(a_damaged_epoch_is_named);
    model_free(&want);
    folder_remove();
    return check_done();
}
