// Rows of the state map, as a proof brings them.
#include "ledger/agency/records.h"
#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/governance/records.h"
#include "ledger/identity/records.h"
#include "ledger/submission/outcome.h"
#include "ledger/submission/records.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const ByteView in(data, size);
  fuzz::hold_codec_law<ledger::AgencyState>(in);
  fuzz::hold_codec_law<ledger::SubjectState>(in);
  fuzz::hold_codec_law<ledger::DossierState>(in);
  fuzz::hold_codec_law<ledger::DossierLeaf>(in);
  fuzz::hold_codec_law<ledger::EventState>(in);
  fuzz::hold_codec_law<ledger::RuleState>(in);
  fuzz::hold_codec_law<ledger::AttState>(in);
  fuzz::hold_codec_law<ledger::SubmissionState>(in);
  fuzz::hold_codec_law<ledger::KeyState>(in);
  fuzz::hold_codec_law<ledger::SubmissionOutcomes>(in);
  return 0;
}
