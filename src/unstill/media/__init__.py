"""Everything that decodes what others made, in child processes: a hostile file ends only a child.

The server imports `facade`, `tasks`, `picture_formats`, `errors` and `pool`, none of which loads a
decoder; `decode`, `video_check`, `convert` and `thumbnails` are for child programs, and so is what
engines of this machine make videos with: `video_writer`, `yuv`, `sound` and `watermark`. Here is
nothing: each child imports this module.
"""
