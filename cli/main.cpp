// `imi`: the command line of IMI Ledger.
#include <string>
#include <vector>

#include "cli/interrupt.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  imi::cli::install_interrupt_handlers();
  return imi::cli::run_words(std::vector<std::string>(argv + 1, argv + argc));
}
