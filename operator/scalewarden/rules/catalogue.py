"""Every rule there is, in the order of its codes. A code is never used again for something else."""

from scalewarden.rules.autoscaler import (
    cpu_blind,
    cpu_scaled_gpu_workload,
    ineffective_scale_up,
    maximum_under_safe_count,
    metric_that_never_falls,
    missing_data_reads_as_idle,
    no_scale_down_behavior,
    phantom_series,
    target_over_guard_line,
    two_scalers_one_target,
    unit_mismatch,
    utilization_target,
    utilization_under_mig,
)
from scalewarden.rules.kvcache import kv_cache_pressure, preemption, shrinking_kv_headroom, slice_memory_pressure
from scalewarden.rules.rule import Check, Rule
from scalewarden.rules.scaledown import (
    drain_too_short,
    scale_down_on_utilization_alone,
    scale_down_under_pressure,
    scale_down_while_warming,
    scale_to_zero_with_requests,
    survivors_overcommitted,
)
from scalewarden.rules.signals import (
    memory_reading_is_preallocation,
    missing_engine_metrics,
    partial_replica_coverage,
    stale_signals,
    utilization_blind_under_mig,
)
from scalewarden.rules.throughput import (
    batching_collapse,
    growing_queue,
    prefill_bound,
    stuck_replica,
    throughput_plateau,
)
from scalewarden.rules.topology import communication_bound, over_sharding, slice_throughput_normalised
from scalewarden.rules.utilization import (
    busy_without_throughput,
    genuinely_idle,
    low_utilization_not_spare,
    oscillating_utilization,
    utilization_uninformative,
)

RULES: tuple[tuple[Rule, Check], ...] = (
    (stale_signals.RULE, stale_signals.check),
    (missing_engine_metrics.RULE, missing_engine_metrics.check),
    (utilization_blind_under_mig.RULE, utilization_blind_under_mig.check),
    (partial_replica_coverage.RULE, partial_replica_coverage.check),
    (memory_reading_is_preallocation.RULE, memory_reading_is_preallocation.check),
    (low_utilization_not_spare.RULE, low_utilization_not_spare.check),
    (busy_without_throughput.RULE, busy_without_throughput.check),
    (oscillating_utilization.RULE, oscillating_utilization.check),
    (genuinely_idle.RULE, genuinely_idle.check),
    (utilization_uninformative.RULE, utilization_uninformative.check),
    (kv_cache_pressure.RULE, kv_cache_pressure.check),
    (preemption.RULE, preemption.check),
    (shrinking_kv_headroom.RULE, shrinking_kv_headroom.check),
    (slice_memory_pressure.RULE, slice_memory_pressure.check),
    (batching_collapse.RULE, batching_collapse.check),
    (growing_queue.RULE, growing_queue.check),
    (throughput_plateau.RULE, throughput_plateau.check),
    (prefill_bound.RULE, prefill_bound.check),
    (stuck_replica.RULE, stuck_replica.check),
    (over_sharding.RULE, over_sharding.check),
    (communication_bound.RULE, communication_bound.check),
    (slice_throughput_normalised.RULE, slice_throughput_normalised.check),
    (survivors_overcommitted.RULE, survivors_overcommitted.check),
    (scale_down_under_pressure.RULE, scale_down_under_pressure.check),
    (scale_down_on_utilization_alone.RULE, scale_down_on_utilization_alone.check),
    (scale_down_while_warming.RULE, scale_down_while_warming.check),
    (scale_to_zero_with_requests.RULE, scale_to_zero_with_requests.check),
    (drain_too_short.RULE, drain_too_short.check),
    (cpu_scaled_gpu_workload.RULE, cpu_scaled_gpu_workload.check),
    (utilization_target.RULE, utilization_target.check),
    (metric_that_never_falls.RULE, metric_that_never_falls.check),
    (no_scale_down_behavior.RULE, no_scale_down_behavior.check),
    (ineffective_scale_up.RULE, ineffective_scale_up.check),
    (cpu_blind.RULE, cpu_blind.check),
    (unit_mismatch.RULE, unit_mismatch.check),
    (missing_data_reads_as_idle.RULE, missing_data_reads_as_idle.check),
    (two_scalers_one_target.RULE, two_scalers_one_target.check),
    (utilization_under_mig.RULE, utilization_under_mig.check),
    (target_over_guard_line.RULE, target_over_guard_line.check),
    (maximum_under_safe_count.RULE, maximum_under_safe_count.check),
    (phantom_series.RULE, phantom_series.check),
)
