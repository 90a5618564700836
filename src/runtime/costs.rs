//! Translates the operation counts of a lowered kernel into the planner's classes.

use veda_kernels_ir::cost::OpCounts as Counted;

use crate::planner::OpCounts;
