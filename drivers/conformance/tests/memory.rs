//! The core's own devices pass.

#[global_allocator]
static ALLOCATOR: linecard_conformance::CountingAllocator = linecard_conformance::CountingAllocator;

mod loopback {
    linecard_conformance::suite!(linecard_conformance::LoopbackHarness);
}

mod null {
    linecard_conformance::suite!(linecard_conformance::NullHarness);
}
