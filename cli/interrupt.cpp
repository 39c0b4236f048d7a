#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

namespace imi::cli {
namespace {
volatile sig_atomic_t g_interrupts = 0;

void on_signal(int) {
  if (g_interrupts > 0) ::_exit(130);
  g_interrupts = g_interrupts + 1;
}
}  // namespace

void install_interrupt_handlers() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return g_interrupts > 0; }

}  // namespace imi::cli
