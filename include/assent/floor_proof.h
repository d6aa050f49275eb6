// FloorProof: evidence that the floor itself makes every possible rewriting of a call's arguments harmless, so the
// call may be let through to the kernel. Only the floor can mint one, after it proved each part by trying it.
#pragma once

namespace assent {

namespace launch {
class Floor;
}

class FloorProof {
 public:
  FloorProof(const FloorProof&) = default;
  FloorProof& operator=(const FloorProof&) = default;

 private:
  friend class launch::Floor;
  FloorProof() = default;
};

}  // namespace assent
