// What the ledger costs: blocks of events executed, hashed and stored in LevelDB, over many
// subjects and records; then proved reads, memory and the time to reopen. One thread commits, as in
// the node.
//
//   ledger_bench [events=1000000] [subjects=100000] [block=1000] [submission=1000] [cache=64]
//                [folder=...]
//
// Signatures are made once for each submission and not verified here: admission is measured
// elsewhere. Bytes written are what the kernel counted for this process (/proc/self/io).
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "ledger/db/leveldb_store.h"
#include "ledger/proof/queries.h"
#include "ledger/proof/verify.h"
#include "ledger/submission/admission.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::ledger {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}
double cpu_seconds() {
  rusage r{};
  ::getrusage(RUSAGE_SELF, &r);
  const auto s = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return s(r.ru_utime) + s(r.ru_stime);
}
long proc_number(const char* file, const char* name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return std::atol(line.c_str() + std::strlen(name) + 1);
  }
  return 0;
}
long written_bytes() { return proc_number("/proc/self/io", "write_bytes"); }
long rss_mib() { return proc_number("/proc/self/status", "VmRSS") / 1024; }

struct Settings {
  std::uint32_t events = 1'000'000;
  std::uint32_t subjects = 100'000;
  std::uint32_t block = 1000;
  std::uint32_t submission = 1000;
  std::uint32_t cache = 64;   // MiB of records kept for execution
  std::uint32_t buffer = 16;  // MiB of LevelDB's write buffer
  std::uint32_t table = 2;    // MiB of its tables
  std::string folder = (std::filesystem::temp_directory_path() / "imi-ledger-bench").string();
};

class Bench {
 public:
  explicit Bench(Settings s) : s_(std::move(s)) {}

  void run() {
    std::filesystem::remove_all(s_.folder);
    open();
    load("enterprises", s_.subjects,
         [this](std::uint32_t i) -> Entry { return test::TestChain::enterprise(i + 1); });
    load("events", s_.events, [this](std::uint32_t) -> Entry {
      std::uint32_t n = 0;
      chain_.random().fill({reinterpret_cast<std::uint8_t*>(&n), sizeof(n)});
      return chain_.event(1 + n % s_.subjects, static_cast<std::uint16_t>(1 + n / 7 % 4));
    });
    reads();
    db_.reset();
    store_.reset();
    open();
    reads();
    db_.reset();
    store_.reset();
    std::filesystem::remove_all(s_.folder);
  }

 private:
  void open() {
    const auto start = Clock::now();
    LevelDbOptions settings;
    settings.write_buffer_bytes = std::size_t{s_.buffer} << 20;
    settings.table_bytes = std::size_t{s_.table} << 20;
    auto store = open_leveldb(s_.folder, settings);
    if (!store) fail(describe(store.error()));
    store_ = *store;
    LedgerDbOptions options;
    options.record_cache_bytes = std::size_t{s_.cache} << 20;
    auto db = LedgerDb::open(store_, chain_.genesis(), options);
    if (!db) fail(describe(db.error()));
    db_ = std::move(*db);
    std::printf("open: %.2f s (rebuild %llu ms, %llu records), rss %ld MiB\n", seconds_since(start),
                static_cast<unsigned long long>(db_->open_report().rebuild_ms),
                static_cast<unsigned long long>(db_->open_report().records), rss_mib());
  }

  template <class Make>
  void load(const char* what, std::uint32_t count, const Make& make) {
    double cpu = 0;
    double wall = 0;
    double worst = 0;
    std::uint32_t since = 0;
    long bytes = written_bytes();
    for (std::uint32_t done = 0; done < count;) {
      std::vector<std::shared_ptr<const Submission>> bodies;
      const std::uint32_t size = std::min(s_.block, count - done);
      for (std::uint32_t i = 0; i < size; i += s_.submission) {
        std::vector<Entry> entries;
        for (std::uint32_t k = i; k < std::min(size, i + s_.submission); ++k) {
          entries.push_back(make(done + k));
        }
        bodies.push_back(chain_.submit(std::move(entries)));
      }
      const chain::Block block = chain_.block(db_->applied(), bodies, 100);
      const double cpu_before = cpu_seconds();
      const auto start = Clock::now();
      const chain::LedgerHead head = chain_.commit(*db_, bodies, 100);
      chain_.certify(*db_, head);
      const double took = seconds_since(start);
      cpu += cpu_seconds() - cpu_before;
      wall += took;
      worst = std::max(worst, took);
      done += size;
      since += size;
      if (since >= 100'000 || done == count) {
        std::printf(
            "%s %u: %.1f us CPU per entry, %.0f entries/s, worst block %.0f ms, %ld B "
            "written per entry, rss %ld MiB\n",
            what, done, 1e6 * cpu / since, since / wall, 1e3 * worst,
            (written_bytes() - bytes) / since, rss_mib());
        std::fflush(stdout);
        cpu = wall = worst = 0;
        since = 0;
        bytes = written_bytes();
      }
    }
  }

  void reads() {
    constexpr int kReads = 2000;
    std::vector<double> us;
    std::vector<double> verify_us;
    std::size_t bytes = 0;
    for (int i = 0; i < kReads; ++i) {
      std::uint32_t n = 0;
      chain_.random().fill({reinterpret_cast<std::uint8_t*>(&n), sizeof(n)});
      const AskEnterprise ask{test::TestChain::uscc(1 + n % s_.subjects), {}, {0, 10}};
      const auto start = Clock::now();
      const auto reply = answer(*db_->reader(), ask, true);
      us.push_back(1e6 * seconds_since(start));
      if (!reply) fail(describe(reply.error()));
      bytes += encode_proof(*reply->proof).size();
      VerifyOptions options;
      options.asked = ask;
      const auto begin = Clock::now();
      if (!verify(*reply->proof, chain_.genesis(), options)) fail("a proof does not verify");
      verify_us.push_back(1e6 * seconds_since(begin));
    }
    std::ranges::sort(us);
    std::ranges::sort(verify_us);
    std::printf(
        "proved read of an enterprise with up to 10 events: p50 %.0f us, p99 %.0f us; "
        "verify p50 %.0f us; %zu B; rss %ld MiB\n",
        us[kReads / 2], us[kReads * 99 / 100], verify_us[kReads / 2], bytes / kReads, rss_mib());
    single_reads();
  }

  void single_reads() {
    constexpr int kReads = 5000;
    std::vector<double> us;
    for (int i = 0; i < kReads; ++i) {
      std::uint32_t n = 0;
      chain_.random().fill({reinterpret_cast<std::uint8_t*>(&n), sizeof(n)});
      const SubjectId sid = enterprise_id(test::TestChain::uscc(1 + n % s_.subjects));
      const auto start = Clock::now();
      if (!db_->reader()->prove(state_path(Space::kSubject, sid))) fail("read");
      us.push_back(1e6 * seconds_since(start));
    }
    std::ranges::sort(us);
    std::printf("proved read of one record: p50 %.0f us, p99 %.0f us\n", us[kReads / 2],
                us[kReads * 99 / 100]);
  }

  [[noreturn]] static void fail(const std::string& why) {
    std::fprintf(stderr, "ledger_bench: %s\n", why.c_str());
    std::exit(1);
  }

  Settings s_;
  test::TestChain chain_;
  std::shared_ptr<Store> store_;
  std::unique_ptr<LedgerDb> db_;
};

}  // namespace
}  // namespace imi::ledger

int main(int argc, char** argv) {
  imi::ledger::Settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto number = [&](const char* name, std::uint32_t& out) {
      const std::string prefix = std::string(name) + "=";
      if (!arg.starts_with(prefix)) return false;
      out = static_cast<std::uint32_t>(std::strtoul(arg.c_str() + prefix.size(), nullptr, 10));
      return true;
    };
    if (arg.starts_with("folder=")) {
      s.folder = arg.substr(7);
    } else if (!number("events", s.events) && !number("subjects", s.subjects) &&
               !number("block", s.block) && !number("submission", s.submission) &&
               !number("cache", s.cache) && !number("buffer", s.buffer) &&
               !number("table", s.table)) {
      std::fprintf(stderr,
                   "ledger_bench [events=N] [subjects=N] [block=N] [submission=N] "
                   "[cache=MiB] [buffer=MiB] [table=MiB] [folder=P]\n");
      return 2;
    }
  }
  imi::ledger::Bench(s).run();
}
