// Ordinary work just works: nothing is denied, and the tree is what it would be without assent.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

struct Work {
  const char* test;
  const char* needs;          // a program; the test is skipped where it is not there
  const char* prepare;        // before, without assent
  const char* script;         // must end with 0 and nothing denied
  const char* but = nullptr;  // why the default profile denies something all the same; then only the result counts
};

void PrintTo(const Work& each, std::ostream* out) { *out << each.test; }

constexpr const char* kBackupByRename =
    "vim moves a.c to a.c~ before it writes: that asks, vim is refused once and copies instead, and the file is saved";

constexpr const char* kRepository =
    "git init -q -b main && printf 'one\\ntwo\\n' >a.c && mkdir -p src docs && echo b >src/b.c && echo d >docs/d.md && "
    "printf 'victim\\n*.o\\n' >.gitignore && git add -A && git commit -qm first && "
    "git checkout -q -b other && echo other >>docs/d.md && git commit -qam other && git checkout -q main && echo main "
    ">>src/b.c && git commit -qam main && git gc -q";

const Work kWorks[] = {
    {"git_in_a_new_repository", "git", "true",
     "git init -q -b main new && cd new && echo a >a && git add a && git commit -qm a && git checkout -q -b b && echo "
     "b >a && git commit -qam b && git checkout -q main && git merge -q b && git log --oneline | wc -l && rm -rf "
     "../new"},
    {"git_add_commit_amend", "git", kRepository,
     "echo three >>a.c && echo n >new.c && git add -A && git commit -qm second && git commit -q --amend -m better && "
     "git status --short && git diff HEAD~1 --stat"},
    {"git_branch_and_merge", "git", kRepository,
     "git checkout -q -b topic && echo t >t.c && git add t.c && git commit -qm t && git checkout -q main && git merge "
     "-q --no-edit other && git merge -q --no-edit topic && git log --oneline | wc -l"},
    {"git_rebase", "git", kRepository,
     "git checkout -q -b topic && echo t >t.c && git add t.c && git commit -qm t && echo u >u.c && git add u.c && git "
     "commit -qm u && git rebase -q main && git rebase -q --onto other main topic"},
    // As if every file had been staged in the moment that the index was written.
    {"git_checkout_right_after_the_index_was_written", "git",
     "git init -q -b main && printf 'one\\n' >a.c && git add a.c && git commit -qm first && git checkout -q -b other "
     "&& "
     "printf 'two\\n' >a.c && git commit -qam other && git checkout -q main && touch -d '1 hour ago' .git/index",
     "git checkout -q other && cat a.c"},
    {"git_cherry_pick", "git", kRepository, "git cherry-pick other"},
    {"git_stash_of_own_changes", "git", kRepository,
     "echo mine >>a.c && git stash -q && grep -c mine a.c; git stash pop -q && grep -c mine a.c"},
    {"git_tag_and_worktree", "git", kRepository,
     "git tag v1 && git tag -a v2 -m two && git worktree add -q wt other && cat wt/docs/d.md && git worktree remove "
     "wt"},
    {"git_clone", "git", kRepository,
     "git clone -q --no-hardlinks . copy && cd copy && echo x >x && git add x && git commit -qm x && cd .. && rm -rf "
     "copy"},
    {"sed_twice_on_a_tracked_file", "sed", kRepository, "sed -i s/one/ONE/ a.c && sed -i s/two/TWO/ a.c && cat a.c"},
    {"an_editor_saving_twice", "vim", kRepository,
     "vim -es -N -u NONE -c 'normal Gothree' -c wq a.c && vim -es -N -u NONE -c 'normal Gofour' -c wq a.c && cat a.c",
     kBackupByRename},
    {"an_editor_with_backup_and_swap", "vim", kRepository,
     "vim -es -N -u NONE -c 'set backup writebackup backupcopy=no swapfile' -c 'normal Gothree' -c w -c 'normal "
     "Gofour' -c wq a.c && cat a.c",
     kBackupByRename},
    {"an_editor_that_copies_back", "vim", kRepository,
     "vim -es -N -u NONE -c 'set backup writebackup backupcopy=yes' -c 'normal Gothree' -c wq a.c && cat a.c"},
    {"patch", "patch", kRepository,
     "printf -- '--- a.c\\n+++ a.c\\n@@ -1,2 +1,2 @@\\n-one\\n+1\\n two\\n' | patch -s -p0 && cat a.c"},
    {"gcc_and_make", "make",
     "printf 'int main(void){return 0;}\\n' >m.c && printf 'all: m\\nm: m.o\\n\\tgcc -o m m.o\\nm.o: m.c\\n\\tgcc -c "
     "m.c\\nclean:\\n\\trm -f m m.o\\n' >Makefile",
     "make -s && ./m && touch -d '1 minute ago' m.o && make -s -j4 && make -s clean && make -s && make -s clean"},
    {"python_scripts_and_caches", "python3",
     "mkdir pkg && echo 'x = 1' >pkg/__init__.py && echo 'import pkg; print(pkg.x)' >run.py",
     "python3 run.py && python3 run.py && python3 -m compileall -q pkg"},
    {"python_virtual_environment", "python3", "true",
     "python3 -m venv --without-pip venv && ./venv/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)' && "
     "rm -rf venv"},
    {"python_temporary_files", "python3", "true",
     "python3 -c \"import "
     "tempfile,os;d=tempfile.mkdtemp();f=open(d+'/x','w');f.write('x');f.close();os.replace(d+'/x',d+'/y');import "
     "shutil;shutil.rmtree(d)\" && python3 -c \"import tempfile,shutil;d=tempfile.mkdtemp(dir='.');shutil.rmtree(d)\""},
    {"node_scripts", "node", "true",
     "node -e \"const "
     "fs=require('fs');fs.writeFileSync('n','x');fs.appendFileSync('n','y');fs.renameSync('n','m');fs.unlinkSync('m');"
     "fs.mkdirSync('d/e/f',{recursive:true});fs.rmSync('d',{recursive:true})\""},
    {"npm_init", "npm", "true",
     "npm_config_update_notifier=false npm init -y >/dev/null && cat package.json | head -1"},
    {"sqlite", "sqlite3", "true",
     "sqlite3 own.db 'create table t(x); insert into t values(1); pragma journal_mode=wal; insert into t values(2); "
     "select count(*) from t; vacuum; drop table t;' && rm own.db"},
    {"tar_and_gzip", "tar", "true",
     "tar cf t.tar keep && gzip t.tar && mkdir out && tar xzf t.tar.gz -C out && diff -r keep out/keep && tar xzf "
     "t.tar.gz -C out && rm -rf out t.tar.gz"},
    {"cp_mv_ln_install_touch", "install", "true",
     "cp -a keep copy && mv copy moved && ln -s moved link && ln moved/f hard && install -m 755 moved/f inst && touch "
     "inst new && chmod 600 inst && truncate -s 100 new && rm -rf moved link hard inst new"},
    {"rsync", "rsync", "true",
     "rsync -a keep/ copy/ && echo more >>copy/f && rsync -a --delete keep/ copy/ && diff -r keep copy && rm -rf copy"},
    {"find_xargs_tee_mktemp", "find", "true",
     "find keep -type f | xargs cat | tee own.txt >/dev/null && T=$(mktemp) && echo x >$T && rm $T && D=$(mktemp -d -p "
     ".) && rmdir $D && rm own.txt"},
    {"shell_here_documents_and_pipes", "bash", "true",
     "bash -c 'cat <<< hello; cat <(echo a) <(echo b) | tee >(cat >own) >/dev/null; wait; sleep 0.1; rm own; mkfifo p; "
     "(echo x >p &) ; cat p; rm p'"},
    {"cargo", "cargo", "true",
     "cargo new --vcs none -q crate 2>&1 && cd crate && cargo build -q --offline 2>&1 && cargo run -q --offline && "
     "cargo clean -q && cd .. && rm -rf crate"},
    {"reading_everything", "grep", kRepository,
     "git status --short && git log --stat | tail -1 && git blame a.c >/dev/null && git fsck && grep -r one . | wc -l "
     "&& ls -laR . >/dev/null && du -s . >/dev/null"},
    {"a_local_server_and_its_client", "python3", "true",
     "python3 -c \"\nimport "
     "socket,threading\ns=socket.socket();s.bind(('127.0.0.1',0));s.listen()\nthreading.Thread(target=lambda:s.accept()"
     "[0].sendall(b'hello')).start()\nc=socket.create_connection(s.getsockname());print(c.recv(5))\""},
};

class RunWork : public ::testing::TestWithParam<std::tuple<Work, Who>> {};

// Names, kinds, modes and contents; not the inside of .git, whose times and hashes go with the clock.
std::map<std::string, std::string> tree(const World& world) {
  std::map<std::string, std::string> out;
  for (auto i = fs::recursive_directory_iterator(world.project); i != fs::recursive_directory_iterator(); ++i) {
    const auto path = i->path().lexically_relative(world.project).string();
    if (path.find(".git") != std::string::npos || path.find("__pycache__") != std::string::npos ||
        path.find("own.") == 0) {
      i.disable_recursion_pending();
      continue;
    }
    struct stat stat {};
    ::lstat(i->path().c_str(), &stat);
    out[path] = std::to_string(stat.st_mode) + " " +
                (S_ISREG(stat.st_mode) && stat.st_size < 100000 ? get(i->path().string()) : "");
  }
  return out;
}

TEST_P(RunWork, IsNeverDenied) {
  const auto& [work, who] = GetParam();
  World native(who), world(who);
  if (native.shell(std::string(work.needs) + " --version || command -v " + work.needs).status != 0)
    GTEST_SKIP() << work.needs << " is not here";
  for (World* each : {&native, &world}) {
    const auto prepared = each->shell(work.prepare);
    ASSERT_EQ(prepared.status, 0) << prepared.err;
    each->patience = 120;
  }
  const std::string script = std::string(
                                 "export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@localhost GIT_COMMITTER_NAME=t "
                                 "GIT_COMMITTER_EMAIL=t@localhost\n") +
                             work.script;
  const auto without = native.shell(script);
  if (without.status != 0) GTEST_SKIP() << "does not work without assent either: " << without.err;
  std::vector<std::string> options;
  if (work.but == nullptr) options.emplace_back("--fail-on-denial");
  const auto outcome = world.run(world.inside({"sh", "-c", script}, options));
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  if (work.but == nullptr) {
    EXPECT_EQ(outcome.err.find("assent: denied"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(tree(world), tree(native));
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
  for (const auto& entry : fs::recursive_directory_iterator(world.project))
    EXPECT_NE(entry.path().filename().string().rfind(".assent", 0), 0U) << entry.path();
}

INSTANTIATE_TEST_SUITE_P(Each, RunWork,
                         ::testing::Combine(::testing::ValuesIn(kWorks), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).test) + "_" + name(std::get<1>(each.param));
                         });

}  // namespace
}  // namespace assent::run_test
