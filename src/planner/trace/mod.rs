//! What is done with timelines besides making them: compared, drawn, exported.
