curl --request POST "$BASE_URL/v1/videos" \
--header "Authorization: Bearer $API_KEY" \
--header "Content-Type: application/json" \
--data '{
"model": "wan2.7-i2v",
"prompt": "让画面中的角色向前走两步,镜头轻微推进,电影感光影。",
"size": "1280x720",
"seconds": "5",
"generate_audio": false,
"input_reference": {
"content": [
{
"type": "image_url",
"role": "first_frame",
"image_url": {
"url": "https://example.com/first-frame.png"
}
}
]
}
}'
